// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/view_parts.h"

namespace weir::controller {
namespace {

using json = nlohmann::ordered_json;

json move_to_json(const View& view, const Reader& reader, const Move& move) {
    std::vector<JobId> named{move.job};
    if (move.for_job) named.push_back(*move.for_job);
    return {{"job", move.label},
            {"user", move.user},
            {"from", move.from},
            {"to", move.to},
            {"gpus", move.gpus.value},
            {"stage", move.ended ? (move.failure.empty() ? "moved" : "failed") : to_text(move.stage)},
            {"why", may_see(view, reader, named) ? move.why : "(another user's job)"},
            {"failure", move.failure},
            {"begun", seconds(move.begun)},
            {"asked", optional_seconds(move.asked)},
            {"requeued", optional_seconds(move.requeued)},
            {"started", optional_seconds(move.started)},
            {"ended", optional_seconds(move.ended)},
            {"price_gpu_seconds", move.price.value},
            {"lost_gpu_seconds", move.lost().value}};
}

}  // namespace

json goals_to_json(const View& view, const Reader& reader) {
    json goals = json::array();
    for (const GoalReport& goal : view.plan.consolidation.goals) {
        std::vector<JobId> named;
        if (goal.for_job) named.push_back(*goal.for_job);
        for (const PlannedMove& move : goal.moves) named.push_back(move.job);
        if (!may_see(view, reader, named)) continue;
        json moves = json::array();
        for (const PlannedMove& move : goal.moves)
            moves.push_back({{"job", move.label},
                             {"from", move.from},
                             {"to", move.to},
                             {"price_gpu_seconds", move.price.value}});
        goals.push_back({{"goal", goal.goal},
                         {"why", goal.why},
                         {"nodes", goal.nodes},
                         {"under_way", goal.under_way},
                         {"held_back", goal.held_back},
                         {"price_gpu_seconds", goal.price.value},
                         {"gain_gpu_seconds", goal.gain.value},
                         {"moves", moves}});
    }
    return goals;
}

json moves_to_json(const View& view, const Reader& reader) {
    const Consolidation& all = view.ledger.consolidation;
    if (!view.policy.consolidate && all.moves.empty() && all.past.empty())
        return refusal("bad_request", "weir.yaml does not let jobs be moved (consolidate:)");
    std::size_t hidden = 0;
    const auto list = [&](const std::vector<Move>& moves) {
        json shown = json::array();
        for (const Move& move : moves) {
            if (may_see(view, reader, {move.job}))
                shown.push_back(move_to_json(view, reader, move));
            else
                ++hidden;
        }
        return shown;
    };
    json running = list(all.moves);
    json past = list(all.past);
    json clearings = json::array();
    for (const Clearing& clearing : all.clearings) {
        std::vector<JobId> named;
        if (clearing.for_job) named.push_back(*clearing.for_job);
        clearings.push_back({{"goal", clearing.goal},
                             {"nodes", clearing.nodes},
                             {"since", seconds(clearing.since)},
                             {"why", may_see(view, reader, named) ? clearing.why : "(another user's job)"},
                             {"price_gpu_seconds", clearing.price.value},
                             {"gain_gpu_seconds", clearing.gain.value}});
    }
    return {
        {"at", seconds(view.snapshot.at)},
        {"mode", view.policy.consolidate && view.policy.acts(*view.policy.consolidate) ? "act" : "advise"},
        {"movable_jobs", view.plan.consolidation.movable},
        {"checkpointed_jobs", view.plan.consolidation.checkpointed},
        {"fragmented_gpus", view.plan.consolidation.fragmented_gpus},
        {"clearings", clearings},
        {"moves", running},
        {"past", past},
        {"hidden", hidden}};
}

}  // namespace weir::controller
