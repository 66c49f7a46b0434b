// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/model/snapshot.h"

namespace weir::policies {

// What a job asks for, spread evenly over as few nodes as it allows. Memory in MiB.
struct Ask {
    int nodes = 1;
    int cpus = 1;  // on each
    std::int64_t memory = 0;
    int gpus = 0;
    std::string gpu_type;  // empty: any

    Gpus all_gpus() const { return Gpus{static_cast<std::int64_t>(nodes) * gpus}; }
};

Ask ask_of(const Request& request);

// Free places on nodes, those of one make together, so that there are few of them however many nodes there
// are.
class Rooms {
  public:
    void add(SiteRoom room);
    bool fits(const Ask& ask) const;
    // Takes what fits tightest; takes nothing where it does not fit.
    bool take(const Ask& ask);
    // Whether a job with GPUs could fit at all.
    bool any_gpu() const;

  private:
    std::vector<SiteRoom> rooms_;  // by (GPUs, CPUs, memory, type)
};

// The free part of a node, by its GPU types.
std::vector<SiteRoom> rooms_of(const Node& node);

}  // namespace weir::policies
