// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "policies/model/units.h"

namespace weir {

// A time of day on some days of the week. One that ends no later than it begins goes on past midnight, and
// counts as of the day on which it began.
struct Hours {
    std::uint8_t days = 0b1111111;  // Monday is the lowest bit
    std::chrono::minutes from{};    // since midnight
    std::chrono::minutes to{};      // not itself of it; 24 h: midnight

    bool operator==(const Hours&) const = default;
};

// Whether local time `at` + `utc_offset` falls into one of them.
bool within(const std::vector<Hours>& hours, Time at, Duration utc_offset);

}  // namespace weir
