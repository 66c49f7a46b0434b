// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policies/consolidate/rule.h"
#include "policies/lend/shape.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"

namespace weir::policies::consolidation {

// Something that moves could bring about.
struct Want {
    std::string goal;  // as Clearing::goal
    std::string why;   // one clause
    std::optional<JobId> for_job;
    std::string rule;
    int nodes = 1;       // that shall come free
    bool whole = false;  // of every job
    Need need;           // else: that shall be free on each
    int gpu_type = kAnyGpu;
    bool one_block = false;
    std::vector<NodeIndex> candidates;  // ascending
    GpuSeconds gain;
};

// Everything that the stages of one decision share.
struct Work {
    const Snapshot& snapshot;
    const ConsolidateRule* rule;  // nullptr: none
    bool frozen;                  // nothing new begins
    Plan& plan;
    Shapes shapes;
    NodeFlags in_weirs;          // nodes in a reservation of Weir's
    std::vector<Step> releases;  // that come first in the plan
    std::vector<Step> steps;
    std::vector<Want> wants;                  // most urgent first
    std::map<std::string, std::string> over;  // why clearings end, by reservation

    Work(const Snapshot& the_snapshot, const ConsolidateRule* the_rule, bool is_frozen, Plan& the_plan)
        : snapshot(the_snapshot),
          rule(the_rule),
          frozen(is_frozen),
          plan(the_plan),
          shapes(the_snapshot),
          in_weirs(the_snapshot.nodes.size(), 0) {
        for (const Reservation& reservation : snapshot.reservations)
            for (const std::string& name : reservation.nodes)
                if (const auto node = snapshot.node(name)) in_weirs[*node] = 1;
    }

    Consolidation& memory() { return plan.ledger.consolidation; }
    const Consolidation& memory() const { return plan.ledger.consolidation; }
    // Whether a job that names no reservation may start there.
    bool takes_jobs(NodeIndex node) const;
    // How long a requeued job may take to start where it shall.
    Duration start_patience() const { return (rule != nullptr ? *rule : ConsolidateRule{}).start; }
};

// GPUs of a running job; one without any counts as one with one.
int gpus_counted(const Job& job);

// How long a job's GPUs do no work for it when it is moved, and its work that would be lost if it did not
// save.
struct Downtime {
    Duration save{};
    Duration restart{};  // from its requeue until it works again
    Duration unsaved{};

    Duration all() const { return save + restart; }
};
Downtime downtime_of(const Job& job, Time at);

// How long the destination of its move stays held without Weir: longer than the move takes.
Duration expiry_of(const Job& job);

// Why a running job is not to be moved, as a clause on "it"; empty if it may be.
std::string why_not(const Snapshot& snapshot, const ConsolidateRule& rule, const Consolidation& memory,
                    const Job& job);

// What moving it costs beyond what is held free for it, in GPU-seconds.
std::int64_t price_of(const Work& work, const Job& job);

// The stages, in the order in which consolidate() calls them.
void follow(Work& work);          // moves under way
void find_wants(Work& work);      // what moves could bring about
void keep_clearings(Work& work);  // nodes kept for a want that is met or gone are let go
void clean_up(Work& work);        // reservations that nothing explains
void begin(Work& work);           // the next moves; reports what could be done

// Gives a clearing up whose goal cannot be reached, and leaves the goal alone for a while.
void give_up(Work& work, const std::string& goal);

// Keeps a clearing's nodes free.
void hold(Work& work, const Clearing& clearing);

// By how many GPUs of a node are free: how many of them a job of the mix of jobs here could, on average, not
// use, each job counted by its GPUs. The measure of "Beware of Fragmentation: Scheduling GPU-Sharing
// Workloads with Fragmentation Gradient Descent" (USENIX ATC 2023), for whole GPUs.
std::vector<double> fragments(const Snapshot& snapshot);

// That of all nodes.
double fragmented(const Snapshot& snapshot);

// "job_4711"
std::string goal_of(JobId job);

}  // namespace weir::policies::consolidation
