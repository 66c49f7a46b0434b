// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/fragmentation/replay.h"

namespace weir::bench {

// The runs of a list in an arm, by seed.
struct Result {
    std::string list;
    Arm arm;
    std::vector<Outcome> outcomes;

    double mean(double Outcome::*value) const;
    double moves_per_1000() const;
};

// Prints the table's heading, and then a result at a time with what was published of it.
void print_heading();
void print(const Result& result);

nlohmann::json json_of(const std::vector<Result>& results, const Rules& rules);

}  // namespace weir::bench
