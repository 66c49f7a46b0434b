// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace weir::gateway {

// The value of a variable in a block of NAME=VALUE, each ended by a zero byte; empty if it is not there.
std::string variable(const std::string& block, const std::string& name);

// What stands between commas, without what is empty.
std::vector<std::string> comma_list(const std::string& text);

}  // namespace weir::gateway
