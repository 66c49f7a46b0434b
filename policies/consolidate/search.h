// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <vector>

#include "policies/consolidate/packing.h"

namespace weir::policies::consolidation {

// A bin that would serve, once so much is free in it. `price` is what keeping it free meanwhile costs.
struct Target {
    BinIndex bin = 0;
    Size need;
    std::int64_t price = 0;
};

// What is wanted: so many of these bins, each with its need free.
struct Goal {
    int bins = 1;
    std::vector<Target> targets;  // each bin once
};

// One item's way.
struct Relocation {
    ItemIndex item = 0;
    std::vector<Hold> to;
    std::int64_t price = 0;

    bool operator==(const Relocation&) const = default;
};

// Bins that then meet the goal, and the moves that lead there, each possible once those before it are done.
struct Solution {
    std::vector<BinIndex> bins;  // ascending
    std::vector<Relocation> moves;
    std::int64_t price = 0;

    bool operator==(const Solution&) const = default;
};

// How hard to look. The time that a search takes grows with `steps` and hardly with the number of bins: a
// step is one look at one bin.
struct Limits {
    std::int64_t below = 0;  // only solutions of a lower price
    int moves = 8;           // in a solution
    int chain = 3;           // how many items may each make room for another in turn
    std::int64_t steps = 100'000;
};

// The cheapest way to the goal that it finds; absent if it finds none. Nearly exact on small problems; on
// large ones it looks at the cheapest bins and the tightest places first, until the steps are used up. An
// item moves once, and to none of the goal's bins. Leaves the packing as it was; the same comes of the same.
std::optional<Solution> cheapest(Packing& packing, const Goal& goal, const Limits& limits);

// Puts a solution into effect.
void carry_out(Packing& packing, const Solution& solution);

}  // namespace weir::policies::consolidation
