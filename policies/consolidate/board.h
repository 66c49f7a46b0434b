// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "policies/consolidate/budget.h"
#include "policies/consolidate/packing.h"

namespace weir::policies::consolidation {

// How things stand in the middle of a search.
struct Board {
    Board(Packing& the_packing, std::int64_t steps)
        : packing(the_packing), budget(steps), closed(the_packing.bins(), 0) {}

    Packing& packing;
    Budget budget;
    BinFlags closed;  // bins to be free: nothing goes there

    bool may_go(const Item& item, BinIndex bin) const {
        return packing.bin(bin).open && closed[bin] == 0 &&
               (item.allowed == nullptr || (*item.allowed)[bin] != 0);
    }
};

}  // namespace weir::policies::consolidation
