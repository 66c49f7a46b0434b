// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tests/bench/fragmentation/cluster.h"
#include "tests/bench/fragmentation/workload.h"

namespace weir::bench {

// Says where an arriving task goes; absent if it fits nowhere. Of nodes that are as good, the first.
class Placement {
  public:
    Placement() = default;
    Placement(const Placement&) = delete;
    Placement& operator=(const Placement&) = delete;
    virtual ~Placement() = default;

    virtual std::optional<Hold> choose(std::size_t shape) = 0;
};

// "bestfit" or "fgd"; throws on another.
std::unique_ptr<Placement> make_placement(const std::string& name, const Cluster& cluster,
                                          const TaskList& list, const Workload& workload);

}  // namespace weir::bench
