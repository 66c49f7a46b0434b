// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/consolidate/consolidate.h"
#include "policies/consolidate/work.h"
#include "policies/lend/words.h"

namespace weir::policies {
namespace consolidation {
namespace {

std::string way_of(const Move& move) {
    return "from " + listed(move.from) + " to " + listed(move.to);
}

std::string stage_of(const Move& move) {
    switch (move.stage) {
    case MoveStage::kHold:
        return "its place there is being held";
    case MoveStage::kSave:
        return "it is saving its work";
    case MoveStage::kPin:
    case MoveStage::kStart:
        return "it has saved and is about to start there";
    case MoveStage::kFree:
        return "it runs there";
    case MoveStage::kUndo:
        break;
    }
    return "the move is off: " + move.failure;
}

void say_of_own_moves(const Consolidation& memory, const Job& job, std::vector<std::string>& said) {
    const auto now = std::ranges::find(memory.moves, job.id, &Move::job);
    if (now != memory.moves.end()) {
        said.push_back("it is being moved " + way_of(*now) + "; " + stage_of(*now));
        return;
    }
    const auto last = std::find_if(memory.past.rbegin(), memory.past.rend(),
                                   [&](const Move& move) { return move.job == job.id; });
    if (last == memory.past.rend()) return;
    if (last->failure.empty())
        said.push_back("it was moved " + way_of(*last) + " at " + utc(*last->ended) + "; that cost " +
                       std::to_string(last->lost().value) + " GPU-seconds");
    else
        said.push_back("a move " + way_of(*last) + " came to nothing at " + utc(*last->ended) + ": " +
                       last->failure);
}

void say_of_goal(const GoalReport& goal, bool acts, std::vector<std::string>& said) {
    const std::string held_back = acts ? goal.held_back : "consolidation only advises";
    const auto count = static_cast<int>(goal.moves.size());
    if (goal.under_way)
        said.push_back("other jobs are being moved so that " + listed(goal.nodes) + " can take it");
    else if (count > 0 && held_back.empty())
        said.push_back("Weir moves " + counted(count, "job") + " so that " + listed(goal.nodes) +
                       " can take it");
    else if (count > 0)
        said.push_back(counted(count, "move") + " would make room for it on " + listed(goal.nodes) +
                       " (price " + std::to_string(goal.price.value) + ", gain " +
                       std::to_string(goal.gain.value) + " GPU-seconds), but: " + held_back);
    else if (!goal.held_back.empty())
        said.push_back("moving other jobs does not make room for it: " + goal.held_back);
}

}  // namespace
}  // namespace consolidation

std::vector<std::string> explain_moves(const Snapshot& snapshot, const std::optional<ConsolidateRule>& rule,
                                       bool acts, const Plan& plan, const Job& job) {
    using namespace consolidation;
    std::vector<std::string> said;
    say_of_own_moves(plan.ledger.consolidation, job, said);
    for (const GoalReport& goal : plan.consolidation.goals)
        if (goal.for_job == job.id) say_of_goal(goal, acts, said);
    if (!rule || job.state != JobState::kRunning || !said.empty()) return said;
    const std::string why = why_not(snapshot, *rule, plan.ledger.consolidation, job);
    said.push_back(why.empty() ? "Weir may move it to bring free GPUs together"
                               : "Weir does not move it: " + why);
    return said;
}

}  // namespace weir::policies
