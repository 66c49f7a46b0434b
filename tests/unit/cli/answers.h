// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "plugin/cli/print.h"

namespace weir::cli::testing {

// A look of that width at 2026-01-31 12:00:00 UTC; local time is UTC from then on.
Look look(int width);

// What weirctld might answer then: two rules that work, one that only advises, one that cannot.
json status_answer();
json plan_answer();
json loans_answer();
json explain_answer();

// The longest line of a text, in columns.
std::size_t longest_line(const std::string& text);

}  // namespace weir::cli::testing
