// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "policies/consolidate/search.h"
#include "policies/consolidate/work.h"
#include "policies/lend/fit.h"

namespace weir::policies::consolidation {

// A snapshot as bins, its nodes, and items, the jobs that may be moved. What else runs is room that is not
// there; jobs on their way have left. A bin's index is its node's.
class Problem {
  public:
    explicit Problem(Work& work);

    // The cheapest moves that bring about what is wanted, for less than `below`; those under way for it are
    // done in thought. Nodes of `fixed` alone, if there are any.
    std::optional<Solution> solve(const Want& want, const std::vector<NodeIndex>& fixed, std::int64_t below);
    // Takes a solution for granted: later ones build upon it.
    void grant(const Solution& solution);

    const Job& job(ItemIndex item) const { return *jobs_[item]; }

  private:
    void add_nodes();
    void add_jobs();
    void add(const Job& job);
    void remove_travellers();
    std::optional<Hold> claim(const Job& job, NodeIndex node, int type, int gpus);
    int type_of(const Job& job) const;
    const BinFlags* places_for(const Job& job);
    std::optional<Nearness> nearness_of(const Job& job) const;
    bool near_enough(NodeIndex node, std::size_t gpus, std::optional<Nearness> now) const;
    Goal goal_for(const Want& want, const std::vector<NodeIndex>& nodes) const;
    std::optional<Solution> solve_on(const Want& want, const std::vector<NodeIndex>& nodes,
                                     std::int64_t below);

    Work& w_;
    Packing packing_;
    Capacity empty_;                       // every node as if nothing ran on it
    std::vector<const Job*> jobs_;         // by item
    std::vector<std::uint64_t> assigned_;  // by node: GPUs of items, as bits
    std::vector<std::uint64_t> in_use_;    // by node: GPUs of all jobs as Slurm counts, as bits
    std::set<NodeIndex> taken_;            // for wants before
    std::map<std::pair<ShapeId, int>, BinFlags> places_;  // by shape, and how near its GPUs must be
};

}  // namespace weir::policies::consolidation
