// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/consolidate/consolidate.h"

#include <iterator>

#include "policies/consolidate/work.h"

namespace weir::policies {
namespace consolidation {

bool Work::takes_jobs(NodeIndex index) const {
    const Node& node = snapshot.nodes[index];
    return node.state == NodeState::kUp && !node.gateway && node.reservation.empty() && in_weirs[index] == 0;
}

namespace {

// Counted before the next moves begin.
void count_movable(const Work& work, ConsolidationReport& report) {
    if (work.rule == nullptr) return;
    for (const Job& job : work.snapshot.jobs) {
        if (job.state != JobState::kRunning || !job.checkpoint) continue;
        ++report.checkpointed;
        report.movable += why_not(work.snapshot, *work.rule, work.memory(), job).empty() ? 1 : 0;
    }
}

}  // namespace
}  // namespace consolidation

void consolidate(const Snapshot& snapshot, const std::optional<ConsolidateRule>& rule, bool frozen,
                 Plan& plan) {
    consolidation::Work work(snapshot, rule ? &*rule : nullptr, frozen, plan);
    consolidation::find_wants(work);
    consolidation::keep_clearings(work);
    consolidation::follow(work);
    consolidation::count_movable(work, plan.consolidation);
    consolidation::begin(work);
    consolidation::clean_up(work);
    plan.consolidation.fragmented_gpus = consolidation::fragmented(snapshot);
    auto& steps = plan.steps;
    steps.insert(steps.begin(), std::make_move_iterator(work.releases.begin()),
                 std::make_move_iterator(work.releases.end()));
    steps.insert(steps.end(), std::make_move_iterator(work.steps.begin()),
                 std::make_move_iterator(work.steps.end()));
}

}  // namespace weir::policies
