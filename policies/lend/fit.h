// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <vector>

#include "policies/lend/shape.h"

namespace weir::policies {

// What a job would take of one node.
struct Take {
    NodeIndex node = 0;
    Need amount;
    int gpu_type = kAnyGpu;
    bool whole = false;
};

using Placement = std::vector<Take>;

// Free capacity on a set of nodes, the members, and whether jobs fit it. It is tried in the order in which
// nodes were added. Room may be set for nodes that are no members too, so that `find` can ask "what if".
// Capacity only shrinks between additions: a shape that did not fit is not tried again until then.
class Capacity {
  public:
    Capacity(const Snapshot& snapshot, const Shapes& shapes);

    // Sets a node's room to what is free on it now, or to all of it.
    void open_as_is(NodeIndex node);
    void open_empty(NodeIndex node);
    void add(NodeIndex node);

    // Places a job on the members and takes what it needs; nothing if it does not fit.
    std::optional<Placement> place(ShapeId shape);
    // Where a job would go on exactly these nodes, the first ones preferred; takes nothing.
    std::optional<Placement> find(ShapeId shape, const std::vector<NodeIndex>& nodes) const;
    // Members that could be one of the job's nodes.
    std::vector<NodeIndex> usable(ShapeId shape) const;
    bool usable(ShapeId shape, NodeIndex node) const;
    void take(const Placement& placement);

    // Free GPUs of one type (or kAnyGpu) that a job could get, on one node or on all members.
    int free_gpus(NodeIndex node, int type) const;
    int free_gpus(int type) const;

  private:
    struct Room {
        int cpus = 0;
        int gpus = 0;  // of all types
        std::int64_t memory = 0;
        bool empty = false;
    };
    struct Memory {
        std::size_t failed_with = 0;  // members when it last failed; 0: it did not
        std::size_t first = 0;        // no member before this one fits any more
    };
    // What no member of a run of kRun has more of. Members only lose, so it stays true and is tightened when
    // seen.
    struct Bound {
        int cpus = 0;
        int gpus = 0;
    };
    void open(NodeIndex node, bool all);
    // Calls visit(position) for members from `first` on that may have so much, until it returns false.
    template <class Visit>
    void scan(const Need& need, std::size_t first, Visit visit) const;
    bool fits(const Shape& shape, const Need& need, NodeIndex node) const;
    std::optional<Placement> place_evenly(const Shape& shape, Memory& memory) const;
    std::optional<Placement> find_evenly(const Shape& shape, const std::vector<NodeIndex>& nodes) const;
    std::optional<Placement> find_unevenly(const Shape& shape, const std::vector<NodeIndex>& nodes) const;
    int usable_cpus(const Shape& shape, NodeIndex node) const;

    const Snapshot& snapshot_;
    const Shapes& shapes_;
    std::size_t types_;
    std::vector<Room> rooms_;
    std::vector<int> typed_;  // free GPUs: node times types_ plus type
    std::vector<NodeIndex> members_;
    std::vector<Memory> memories_;  // by shape
    mutable std::vector<Bound> bounds_;
};

}  // namespace weir::policies
