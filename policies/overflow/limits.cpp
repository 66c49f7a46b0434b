// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

// By how much a job's time limit is to grow for what its copy had to wait.
Duration owed(const SiteWork& there, const Job& job, const RemoteRun& run) {
    if (!run.started || !job.started) return {};
    const Duration waited = *run.started - *job.started;
    const Duration most = there.site->max_remote_wait + stage_in(there, job);
    return std::chrono::ceil<std::chrono::minutes>(std::clamp(waited, Duration{}, most));
}

}  // namespace

void extend(Work& work) {
    for (const Nomination& one : work.memory().nominations) {
        if (!one.started_with || one.extended || one.settled || one.back) continue;
        const Job* job = work.job_of(one);
        const SiteWork* there = work.site(one.site);
        if (job == nullptr || there == nullptr || job->state != JobState::kRunning ||
            site_of(work.snapshot, *job) != one.site || job->time_limit <= Duration{})
            continue;
        const RemoteRun* run = live_run(work, one);
        const Duration more = run != nullptr ? owed(*there, *job, *run) : Duration{};
        if (more <= Duration{}) continue;
        const std::string told = "for what it waited at site " + one.site +
                                 " before it started there its time limit is " + to_text(more) + " longer";
        work.step(*job, ExtendLimit{one.job, one.label, one.site, job->time_limit + more, told}, told);
    }
}

}  // namespace weir::policies::spill
