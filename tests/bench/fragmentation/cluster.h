// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <vector>

#include "policies/consolidate/packing.h"
#include "policies/consolidate/search.h"
#include "tests/bench/fragmentation/trace.h"

namespace weir::bench {

// The nodes, empty at first, and the tasks that were placed on them: an item each, in that order.
class Cluster {
  public:
    explicit Cluster(const std::vector<Node>& nodes);

    const Packing& packing() const { return packing_; }
    Packing& packing() { return packing_; }
    const std::vector<Node>& nodes() const { return nodes_; }
    // How often something changed on a node, or on any.
    std::uint32_t changes(BinIndex node) const { return changes_[node]; }
    std::uint64_t changes() const { return all_changes_; }

    void place(Item item);
    void carry_out(const Solution& solution);

    std::int64_t free_gpu_thousandths() const;

  private:
    void count_change(BinIndex node);

    const std::vector<Node>& nodes_;
    Packing packing_;
    std::vector<std::uint32_t> changes_;
    std::uint64_t all_changes_ = 0;
};

}  // namespace weir::bench
