// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "tests/bench/fragmentation/trace.h"

namespace weir::bench {

// A task that comes. Whether it may be moved does not depend on where tasks are placed.
struct Arrival {
    std::uint32_t task = 0;  // of the list
    bool movable = false;
};

// The tasks of a list in an order that the seed gives, then random ones of the list, until what they ask for
// reaches 1.3 times `capacity` (GPU thousandths); a list that asks for more ends there, too. Of them
// `movable` in a hundred may be moved: those of a lower share are among those of a higher one.
std::vector<Arrival> arrivals(const TaskList& list, std::int64_t capacity, unsigned seed, int movable);

}  // namespace weir::bench
