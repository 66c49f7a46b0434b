// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "plugin/controller/ledger_parts.h"

namespace weir::controller::ledger_parts {
namespace {

using json = nlohmann::ordered_json;

json move_to_json(const Move& move) {
    return {{"job", move.job.value},
            {"label", move.label},
            {"user", move.user},
            {"from", move.from},
            {"to", move.to},
            {"goal", move.goal},
            {"for_job", optional_job(move.for_job)},
            {"why", move.why},
            {"gpus", move.gpus.value},
            {"price_gpu_seconds", move.price.value},
            {"restarts", move.restarts},
            {"begun", move.begun.time_since_epoch().count()},
            {"stage", static_cast<int>(move.stage)},
            {"asked", optional_time(move.asked)},
            {"requeued", optional_time(move.requeued)},
            {"pinned", optional_time(move.pinned)},
            {"started", optional_time(move.started)},
            {"failure", move.failure},
            {"blameless", move.blameless},
            {"ended", optional_time(move.ended)}};
}

// One of a stage that is not known is taken back.
MoveStage stage_from(int number) {
    const bool known = number >= 0 && number <= static_cast<int>(MoveStage::kUndo);
    return known ? static_cast<MoveStage>(number) : MoveStage::kUndo;
}

Move move_from_json(const json& object) {
    Move move;
    move.job = JobId{object.at("job").get<std::uint32_t>()};
    move.label = object.at("label");
    move.user = object.at("user");
    move.from = object.at("from").get<std::vector<std::string>>();
    move.to = object.at("to").get<std::vector<std::string>>();
    move.goal = object.at("goal");
    move.for_job = optional_job_of(object, "for_job");
    move.why = object.at("why");
    move.gpus = Gpus{object.at("gpus").get<std::int64_t>()};
    move.price = GpuSeconds{object.at("price_gpu_seconds").get<std::int64_t>()};
    move.restarts = object.at("restarts").get<std::uint32_t>();
    move.begun = time_of(object.at("begun"));
    move.stage = stage_from(object.at("stage").get<int>());
    move.asked = optional_time_of(object, "asked");
    move.requeued = optional_time_of(object, "requeued");
    move.pinned = optional_time_of(object, "pinned");
    move.started = optional_time_of(object, "started");
    move.failure = object.at("failure");
    move.blameless = object.at("blameless");
    move.ended = optional_time_of(object, "ended");
    return move;
}

json clearing_to_json(const Clearing& clearing) {
    return {{"goal", clearing.goal},
            {"for_job", optional_job(clearing.for_job)},
            {"rule", clearing.rule},
            {"nodes", clearing.nodes},
            {"why", clearing.why},
            {"price_gpu_seconds", clearing.price.value},
            {"gain_gpu_seconds", clearing.gain.value},
            {"since", clearing.since.time_since_epoch().count()}};
}

Clearing clearing_from_json(const json& object) {
    Clearing clearing;
    clearing.goal = object.at("goal");
    clearing.for_job = optional_job_of(object, "for_job");
    clearing.rule = object.at("rule");
    clearing.nodes = object.at("nodes").get<std::vector<std::string>>();
    clearing.why = object.at("why");
    clearing.price = GpuSeconds{object.at("price_gpu_seconds").get<std::int64_t>()};
    clearing.gain = GpuSeconds{object.at("gain_gpu_seconds").get<std::int64_t>()};
    clearing.since = time_of(object.at("since"));
    return clearing;
}

}  // namespace

json consolidation_to_json(const Consolidation& consolidation) {
    return {{"moves", list_of(consolidation.moves, move_to_json)},
            {"past", list_of(consolidation.past, move_to_json)},
            {"clearings", list_of(consolidation.clearings, clearing_to_json)},
            {"rests",
             list_of(consolidation.rests,
                     [](const GoalRest& one) {
                         return json{{"goal", one.goal}, {"until", one.until.time_since_epoch().count()}};
                     })},
            {"records", list_of(consolidation.records, [](const MoveRecord& one) {
                 return json{{"user", one.user}, {"moves", one.moves}, {"failed", one.failed}};
             })}};
}

Consolidation consolidation_from_json(const json& object) {
    Consolidation consolidation;
    for (const json& move : object.at("moves")) consolidation.moves.push_back(move_from_json(move));
    for (const json& move : object.at("past")) {
        consolidation.past.push_back(move_from_json(move));
        Move& past = consolidation.past.back();
        if (!past.ended) past.ended = past.begun;
    }
    for (const json& one : object.at("clearings")) consolidation.clearings.push_back(clearing_from_json(one));
    for (const json& one : object.at("rests"))
        consolidation.rests.push_back({one.at("goal"), time_of(one.at("until"))});
    for (const json& one : object.at("records"))
        consolidation.records.push_back(
            {one.at("user"), one.at("moves").get<int>(), one.at("failed").get<int>()});
    std::ranges::sort(consolidation.moves, {}, &Move::job);
    std::ranges::sort(consolidation.clearings, {}, &Clearing::goal);
    std::ranges::sort(consolidation.rests, {}, &GoalRest::goal);
    std::ranges::sort(consolidation.records, {}, &MoveRecord::user);
    return consolidation;
}

}  // namespace weir::controller::ledger_parts
