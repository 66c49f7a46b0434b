// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "policies/consolidate/evictions.h"
#include "policies/consolidate/search.h"

namespace weir::policies::consolidation {

// A target and the ways to free it.
struct Offer {
    const Target* target = nullptr;
    std::int64_t least = 0;      // what it adds to the price of a solution at the least
    std::vector<Eviction> ways;  // cheapest first
};

// The targets that promise most, the cheapest first. Takes at most three quarters of the steps.
std::vector<Offer> offers(Board& board, const Goal& goal, const Limits& limits);

}  // namespace weir::policies::consolidation
