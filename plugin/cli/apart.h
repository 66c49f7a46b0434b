// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "plugin/result.h"

namespace weir::cli {

// Runs `work` in a forked process and returns its text. A process that ends before it has any, or outlasts
// `patience`, is a failure that tells the last line it wrote to standard error. To be called while there is
// one thread.
Result<std::string> run_apart(const std::function<std::string()>& work, std::chrono::milliseconds patience);

}  // namespace weir::cli
