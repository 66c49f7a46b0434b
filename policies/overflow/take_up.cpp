// SPDX-License-Identifier: GPL-2.0-or-later
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
    Worst worst = worst_of(work, there, run.gpu_type, Gpus{run.gpus}, job);
    one.worst = worst.money;
    one.vouchers = std::move(worst.shares);
    one.why = "it runs there, says the site's gateway, and nothing is remembered of why";
    one.confirmed = true;
    one.started_with = run.restarts;
    one.extended = true;  // whether it was cannot be told
    return one;
}

}  // namespace

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
