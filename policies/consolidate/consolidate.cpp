// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/consolidate/consolidate.h"

#include <iterator>

#include "policies/consolidate/work.h"

namespace weir::policies {
namespace consolidation {

bool Work::takes_jobs(NodeIndex index) const {
    const Node& node = snapshot.nodes[index];
    return node.state == NodeState::kUp && node.reservation.empty() && in_weirs[index] == 0;
}

}  // namespace consolidation

void consolidate(const Snapshot& snapshot, const std::optional<ConsolidateRule>& rule, bool frozen, Plan& plan) {
    consolidation::Work work(snapshot, rule ? &*rule : nullptr, frozen, plan);
    consolidation::find_wants(work);
    consolidation::keep_clearings(work);
    consolidation::follow(work);
    consolidation::begin(work);
    consolidation::clean_up(work);
    plan.consolidation.fragmented_gpus = consolidation::fragmented(snapshot);
    auto& steps = plan.steps;
    steps.insert(steps.begin(), std::make_move_iterator(work.releases.begin()),
                 std::make_move_iterator(work.releases.end()));
    steps.insert(steps.end(), std::make_move_iterator(work.steps.begin()), std::make_move_iterator(work.steps.end()));
}

}  // namespace weir::policies
