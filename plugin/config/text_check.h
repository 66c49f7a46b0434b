// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "plugin/config/problem.h"

namespace weir::config {

// What must not reach a YAML parser, or is read by it as something other than an admin sees: too much text,
// bytes that are no UTF-8, control characters, tabs as indentation, directives.
Problems check_text(std::string_view text);

}  // namespace weir::config
