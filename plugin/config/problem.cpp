// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/problem.h"

namespace weir::config {

std::string to_text(const Problem& problem, const std::string& file) {
    std::string text = file + ":";
    if (problem.line > 0) text += std::to_string(problem.line) + ":";
    if (!problem.key.empty()) text += " " + problem.key + ":";
    return text + " " + problem.message;
}

}  // namespace weir::config
