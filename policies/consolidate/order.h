// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "policies/consolidate/board.h"
#include "policies/consolidate/search.h"

namespace weir::policies::consolidation {

// Puts moves that have not been made, all of different items, into an order in which each finds its room free
// once those before it are done, on whichever GPUs; their prices are set, too. False if there is none (each
// in turn waits for another), or none was found in time. On return the packing is as it was.
bool put_in_order(Board& board, std::vector<Relocation>& moves);

}  // namespace weir::policies::consolidation
