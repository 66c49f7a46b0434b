// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "policies/consolidate/search.h"

namespace weir::test {

// A packing and what is wanted of it. The packing's items point into `allowed`, which moves but is never
// copied.
struct Instance {
    Instance() = default;
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;
    Instance(Instance&&) = default;
    Instance& operator=(Instance&&) = default;
    ~Instance() = default;

    std::vector<policies::consolidation::BinFlags> allowed;
    policies::consolidation::Packing packing;
    policies::consolidation::Goal goal;
    policies::consolidation::Limits limits;
    bool shares = false;  // some items take a part of a GPU
};

// A few nodes, mostly full, the same for the same seed: of one or two GPU types, with jobs of which some
// cannot move or not everywhere, and one or two whole nodes or room for one more job wanted.
Instance small_instance(unsigned seed);

}  // namespace weir::test
