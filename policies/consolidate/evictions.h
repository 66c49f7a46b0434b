// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "policies/consolidate/board.h"

namespace weir::policies::consolidation {

// Items that would free what is needed in a bin, none of them in vain.
struct Eviction {
    std::vector<ItemIndex> items;
    std::int64_t price = 0;
};

// What it costs at the least to free so much of a bin; absent if that cannot be. Quick, and it takes no step.
std::optional<std::int64_t> least_price(const Packing& packing, BinIndex bin, const Size& need);

// The ways to free so much of a bin for less than `below` with at most so many moves, the cheapest first;
// where there are very many, not all of them. One without items says that it is free already.
std::vector<Eviction> evictions(Board& board, BinIndex bin, const Size& need, std::int64_t below, int moves);

}  // namespace weir::policies::consolidation
