// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <set>

#include "policies/consolidate/work.h"

namespace weir::policies::consolidation {
namespace {

constexpr Duration kClearingMost{3600};  // a goal that takes longer is given up
constexpr Duration kClearExpires{7200};  // without Weir
constexpr Duration kGoalRest{300};       // before one that came to nothing is tried again

bool moves_for(const Consolidation& memory, const std::string& goal) {
    return std::ranges::find(memory.moves, goal, &Move::goal) != memory.moves.end();
}

bool has_room(const Work& work, const Want& want, const Node& node) {
    int gpus = 0;
    for (const GpuPool& pool : node.gpus)
        if (want.gpu_type == kAnyGpu || work.shapes.gpu_types().find(pool.type) == want.gpu_type)
            gpus += pool.total - pool.used;
    return gpus >= want.need.gpus && node.cpus - node.cpus_used >= want.need.cpus &&
           node.memory - node.memory_used >= want.need.memory;
}

// Whether the nodes of a clearing are as its want would have them.
bool is_met(const Work& work, const Want& want, const Clearing& clearing) {
    return std::ranges::all_of(clearing.nodes, [&](const std::string& name) {
        const auto index = work.snapshot.node(name);
        if (!index) return false;
        const Node& node = work.snapshot.nodes[*index];
        if (node.completing) return false;
        return want.whole ? node.jobs == 0 : has_room(work, want, node);
    });
}

// Why a clearing is over, and how long its goal is then left alone; empty: it goes on.
struct Verdict {
    std::string over;
    Duration rest{};
};

Verdict judge(const Work& work, const Clearing& clearing) {
    const bool busy = moves_for(work.memory(), clearing.goal);
    const auto want = std::ranges::find(work.wants, clearing.goal, &Want::goal);
    if (want == work.wants.end()) return {"nobody waits for it any more", {}};
    if (is_met(work, *want, clearing)) {
        // A job that has its room and does not start is not helped by moves; one of many tasks leaves others.
        const Job* job = want->for_job ? work.snapshot.job(*want->for_job) : nullptr;
        const bool again = want->whole || job == nullptr || job->count > 1;
        return {"what was wanted is free", again || work.rule == nullptr ? Duration{} : work.rule->cooldown};
    }
    if (work.snapshot.at - clearing.since > kClearingMost) return {"it took too long", kGoalRest};
    if (work.frozen && !busy) return {"consolidation is paused", {}};
    return {};
}

}  // namespace

void keep_clearings(Work& work) {
    Consolidation& memory = work.memory();
    std::erase_if(memory.rests, [&](const GoalRest& one) { return one.until <= work.snapshot.at; });
    std::vector<Clearing> kept;
    for (const Clearing& clearing : memory.clearings) {
        const Verdict verdict = judge(work, clearing);
        if (!verdict.over.empty()) {
            work.over[clearing.reservation()] = verdict.over;
            if (verdict.rest > Duration{}) set_rest(memory, clearing.goal, work.snapshot.at + verdict.rest);
            continue;  // its reservation goes with all that nothing explains
        }
        kept.push_back(clearing);
        const Reservation* held = work.snapshot.reservation(clearing.reservation());
        if (held == nullptr || held->nodes != clearing.nodes) hold(work, clearing);
    }
    memory.clearings = std::move(kept);
}

void give_up(Work& work, const std::string& goal) {
    for (const Clearing& clearing : work.memory().clearings)
        if (clearing.goal == goal)
            work.over[clearing.reservation()] = "no more moves that pay bring it about";
    std::erase_if(work.memory().clearings, [&](const Clearing& one) { return one.goal == goal; });
    set_rest(work.memory(), goal, work.snapshot.at + kGoalRest);
}

void hold(Work& work, const Clearing& clearing) {
    std::vector<JobId> jobs;
    if (clearing.for_job) jobs.push_back(*clearing.for_job);
    work.steps.push_back({HoldNodes{clearing.reservation(), clearing.nodes, "root", kClearExpires},
                          clearing.why, std::move(jobs)});
}

// Of moves and clearings that are over, that a crash cut short, or of a ledger that was lost.
void clean_up(Work& work) {
    std::set<std::string> explained;
    for (const Move& move : work.memory().moves) explained.insert(move.reservation());
    for (const Clearing& clearing : work.memory().clearings) explained.insert(clearing.reservation());
    for (const Reservation& found : work.snapshot.reservations) {
        if (!is_of_consolidation(found.name) || explained.contains(found.name)) continue;
        for (const Job& job : work.snapshot.jobs)
            if (job.reservation == found.name && job.state != JobState::kCompleting)
                work.steps.push_back({UnpinJob{job.id, job.label, found.name, {}},
                                      "no move explains its reservation",
                                      {job.id}});
        const auto known = work.over.find(found.name);
        work.releases.push_back(
            {ReleaseNodes{found.name}, known != work.over.end() ? known->second : "no move explains it", {}});
    }
}

}  // namespace weir::policies::consolidation
