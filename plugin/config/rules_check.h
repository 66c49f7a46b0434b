// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "plugin/config/reader.h"
#include "policies/lend/rule.h"

namespace weir::config {

// Finds what no single key shows: values of a rule, and rules, that contradict each other. `rules` are in the
// order of the file. Each contradiction is told at the later of the two lines and names the earlier.
void check_rules(const std::vector<policies::LendRule>& rules, Findings& findings);

}  // namespace weir::config
