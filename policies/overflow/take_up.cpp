// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

// As it would be remembered, had its nomination not been forgotten.
Nomination nomination_of(const Work& work, const SiteWork& there, const RemoteRun& run, const Job& job,
                         const OverflowRule& rule) {
    Nomination one;
    one.job = job.id;
    one.submitted = job.submitted;
    one.label = job.label;
    one.user = job.user;
    one.site = there.site->name;
    one.partition = there.site->partition;
    one.home = rule.partitions;
    one.budget = rule.name;
    one.since = work.snapshot.at;
    one.restarts = run.restarts;
    one.limit = job.time_limit;
    one.gpus = run.gpus;
    one.egress = std::max(rule.egress, run.brought);
    Worst worst = worst_of(work, there, run.gpu_type, Gpus{run.gpus}, job, one.egress);
    one.worst = worst.money;
    one.vouchers = std::move(worst.shares);
    one.why = "it runs there, says the site's gateway, and nothing is remembered of why";
    one.confirmed = true;
    one.started_with = run.restarts;
    one.extended = true;  // whether it was cannot be told
    return one;
}

// What a nominated job holds now that it has started at the site.
struct Held {
    int gpus = 0;
    std::string type;
};

Held held(const Work& work, const Nomination& one, const Job& job) {
    if (const RemoteRun* run = live_run(work, one); run != nullptr) return {run->gpus, run->gpu_type};
    // Its gateway does not tell of it yet.
    if (site_of(work.snapshot, job) == one.site && !job.gpu_type.empty())
        return {static_cast<int>(job.gpus.value), job.gpu_type};
    return {};
}

void make_up_gpus(Work& work, const SiteWork& there, Nomination& one) {
    const Job* job = work.job_of(one);
    if (job == nullptr) return;
    const Held now = held(work, one, *job);
    if (now.gpus <= one.gpus) return;
    Job as_nominated = *job;  // its time limit may have been extended here, and not there
    if (one.limit > Duration{}) as_nominated.time_limit = one.limit;
    work.accounts.give_back(one);
    Worst worst = worst_of(work, there, now.type, Gpus{now.gpus}, as_nominated, one.egress);
    one.gpus = now.gpus;
    one.worst = worst.money;
    one.vouchers = std::move(worst.shares);
    work.accounts.set_aside(one);
}

void make_up_egress(Work& work, const SiteWork& there, Nomination& one) {
    if (there.site->terms.egress_gb == Money{}) return;  // nothing is noted of output that costs nothing
    const RemoteRun* run = live_run(work, one);
    if (run == nullptr || run->brought <= one.egress) return;
    work.accounts.give_back(one);
    one.worst = plus(one.worst, cost(run->brought - one.egress, there.site->terms.egress_gb));
    one.egress = run->brought;
    work.accounts.set_aside(one);
}

}  // namespace

// Slurm may have given it more than it was reckoned with, and it may bring back more: all of that is set
// aside, even if it is more than there is.
void make_up(Work& work) {
    for (Nomination& one : work.memory().nominations) {
        if (!one.started_with || one.settled) continue;
        const SiteWork* there = work.site(one.site);
        if (there == nullptr) continue;
        make_up_gpus(work, *there, one);
        make_up_egress(work, *there, one);
    }
}

// A ledger that was lost must not make free what is being used: what runs at a site is set aside again, even
// if it is more than there is.
void take_up(Work& work) {
    std::set<std::string> known;
    for (const Nomination& one : work.memory().nominations) known.insert(one.label);
    for (const SiteWork& there : work.sites) {
        const OverflowRule* rule = rule_for(work, *there.site);
        if (there.look == nullptr || rule == nullptr) continue;
        for (const RemoteRun& run : there.look->runs) {
            if (run.withdrawn || run.stage == RunStage::kFinished || known.contains(run.label)) continue;
            const Job* job = work.snapshot.job(run.job);
            if (job == nullptr || job->label != run.label || job->user != run.user ||
                job->state != JobState::kRunning || site_of(work.snapshot, *job) != there.site->name)
                continue;
            Nomination one = nomination_of(work, there, run, *job, *rule);
            work.accounts.set_aside(one);
            set_nomination(work.memory(), std::move(one));
        }
    }
}

}  // namespace weir::policies::spill
