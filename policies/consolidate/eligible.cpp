// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/consolidate/work.h"

namespace weir::policies::consolidation {
namespace {

constexpr Duration kRequeueTakes{30};  // from the end of a job to its start elsewhere
constexpr Duration kReloadUnless{60};  // where the user did not say how long it takes
constexpr int kRunsOnFor = 3;          // times the downtime; else it would be done sooner than moved

bool listed_in(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

// All its GPUs are known to do nothing.
bool wastes_all(const Plan& plan, const Job& job) {
    const auto use = std::ranges::lower_bound(plan.uses, job.id, {}, &JobUse::job);
    return use != plan.uses.end() && use->job == job.id && !use->gpus.empty() &&
           use->wasting() == static_cast<int>(use->gpus.size()) && use->wasting() >= job.gpus.value;
}

std::string exempt(const Snapshot& snapshot, const ConsolidateRule& rule, const Job& job) {
    if (listed_in(rule.exempt_users, job.user)) return "user " + job.user + " is exempt";
    if (listed_in(rule.exempt_accounts, job.account)) return "account " + job.account + " is exempt";
    for (const PartitionIndex index : job.partitions)
        if (listed_in(rule.exempt_partitions, snapshot.partitions[index].name))
            return "partition " + snapshot.partitions[index].name + " is exempt";
    return {};
}

// What its user or Slurm keeps it from.
std::string bound(const Snapshot& snapshot, const Job& job) {
    if (!job.batch) return "it is interactive";
    if (const std::string& site = site_of(snapshot, job); !site.empty()) return "it runs at site " + site;
    if (!job.checkpoint) return "its user declared no checkpoint (sbatch --weir-checkpoint)";
    if (!job.requeueable) return "it may not be requeued (--no-requeue, or JobRequeue in slurm.conf)";
    if (job.suspended) return "it is suspended";
    if (job.heterogeneous) return "it is part of a heterogeneous job";
    if (job.replica) return "it is a replica of service " + job.replica->service;
    if (!job.reservation.empty()) return "it runs in reservation " + job.reservation;
    if (!job.request.nodes_required.empty()) return "its user names the nodes it runs on";
    if (!job.request.beyond_model.empty()) return job.request.beyond_model;
    const auto nodes = static_cast<std::int64_t>(job.nodes.size());
    if (nodes == 0) return "its nodes are not known";
    if (job.gpus.value % nodes != 0 || job.cpus % nodes != 0) return "it is spread unevenly over its nodes";
    return {};
}

std::string too_soon(const ConsolidateRule& rule, const Consolidation& memory, const Job& job, Time at) {
    const auto& moves = memory.moves;
    if (std::ranges::binary_search(moves, job.id, {}, &Move::job)) return "it is being moved already";
    const Duration ran = at - job.started.value_or(at);
    if (ran < rule.min_run) return "it has run for less than " + to_text(rule.min_run);
    const auto& past = memory.past;
    for (auto move = past.rbegin(); move != past.rend(); ++move) {
        if (move->job != job.id || !move->asked) continue;
        if (at - *move->ended < rule.cooldown)
            return "it was asked to move less than " + to_text(rule.cooldown) + " ago";
        break;
    }
    if (job.time_limit > Duration{} && job.time_limit - ran < kRunsOnFor * downtime_of(job, at).all())
        return "it ends so soon that a move would not pay";
    return {};
}

}  // namespace

int gpus_counted(const Job& job) {
    return static_cast<int>(std::max<std::int64_t>(1, job.gpus.value));
}

Downtime downtime_of(const Job& job, Time at) {
    Downtime down;
    const Checkpoint& checkpoint = *job.checkpoint;
    down.save = checkpoint.within;
    down.restart = kRequeueTakes + checkpoint.reload.value_or(kReloadUnless);
    const Duration ran = std::max(Duration{}, at - job.started.value_or(at));
    down.unsaved = std::min(ran, checkpoint.every.value_or(ran));
    return down;
}

Duration expiry_of(const Job& job) {
    return std::chrono::minutes(30) + (job.checkpoint ? job.checkpoint->within : Duration{});
}

std::string why_not(const Snapshot& snapshot, const ConsolidateRule& rule, const Consolidation& memory,
                    const Job& job) {
    if (std::string why = bound(snapshot, job); !why.empty()) return why;
    if (std::string why = exempt(snapshot, rule, job); !why.empty()) return why;
    if (rule.max_gpus && job.gpus.value > *rule.max_gpus)
        return "it holds more than " + std::to_string(*rule.max_gpus) + " GPUs (max_gpus)";
    return too_soon(rule, memory, job, snapshot.at);
}

std::int64_t price_of(const Work& work, const Job& job) {
    if (wastes_all(work.plan, job)) return 1;  // nothing is lost with it; but fewer moves are better
    const Downtime down = downtime_of(job, work.snapshot.at);
    const std::int64_t gpus = gpus_counted(job);
    const auto& records = work.memory().records;
    const auto record = std::ranges::lower_bound(records, job.user, {}, &MoveRecord::user);
    const bool known = record != records.end() && record->user == job.user;
    const std::int64_t moves = known ? record->moves : 0;
    const std::int64_t failed = known ? record->failed : 0;
    // Laplace's rule of succession: half of them, as long as nothing is known.
    const std::int64_t at_risk = gpus * down.unsaved.count() * (failed + 1) / (moves + 2);
    return std::max<std::int64_t>(1, gpus * down.all().count() + at_risk);
}

}  // namespace weir::policies::consolidation
