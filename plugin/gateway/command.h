// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "plugin/result.h"

namespace weir::gateway {

// What a program prints to its standard output. It is given no input and a bare environment; one that takes
// longer than `patience`, prints more than 64 KiB or ends with anything but 0 is a failure, which tells
// nothing of what it printed to standard output.
Result<std::string> output_of(const std::vector<std::string>& command, std::chrono::seconds patience);

}  // namespace weir::gateway
