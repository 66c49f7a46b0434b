// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "policies/consolidate/board.h"

namespace weir::policies::consolidation {

// Room for an item: in each of its bins.
using Place = std::vector<Hold>;

// What it costs to move an item there.
std::int64_t price_to(const Packing& packing, const Item& item, const Place& to);

// Places for an item on its way as things stand, the cheapest and tightest first; some of them where there
// are many, and one of those that are alike.
std::vector<Place> places(Board& board, const Item& item);

// Other bins in which things might make room for an item of one bin, those with the most room already first.
std::vector<BinIndex> crowded_places(Board& board, const Item& item);

}  // namespace weir::policies::consolidation
