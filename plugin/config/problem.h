// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

namespace weir::config {

// One thing wrong in a policy file.
struct Problem {
    int line = 0;         // from 1; 0: of no line, as of a file that is too large
    std::string key;      // "lend[0].reclaim.after"; empty: of the line or file itself
    std::string message;  // what was found and what would do

    bool operator==(const Problem&) const = default;
};

using Problems = std::vector<Problem>;

// "weir.yaml:12: lend[0].min_loan: "15" has no unit (try 15m)".
std::string to_text(const Problem& problem, const std::string& file);

}  // namespace weir::config
