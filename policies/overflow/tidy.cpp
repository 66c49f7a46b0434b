// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

// The site whose partition a job's list holds besides others; empty: none, or nothing besides.
std::string site_in_list(const Work& work, const Job& job) {
    std::string site;
    bool home = false;
    for (const PartitionIndex index : job.partitions) {
        const Partition& partition = work.snapshot.partitions[index];
        home = home || partition.site.empty();
        if (!partition.site.empty()) site = partition.site;
    }
    return home ? site : std::string();
}

bool is_nominated(const Work& work, const Job& job) {
    const auto& all = work.memory().nominations;
    return std::ranges::any_of(all, [&](const Nomination& one) {
        return (one.job == job.id && one.label == job.label) || one.label == job.label;
    });
}

}  // namespace

void tidy(Work& work) {
    for (const Job& job : work.snapshot.jobs) {
        const bool waits_here = job.state == JobState::kPending && job.partitions.size() > 1;
        if (!waits_here && job.nominated.empty()) continue;
        if (job.state == JobState::kCompleting || !site_of(work.snapshot, job).empty()) continue;
        std::string site = job.nominated;
        if (job.state == JobState::kPending && site.empty()) site = site_in_list(work, job);
        if (site.empty() || is_nominated(work, job)) continue;
        if (job.state == JobState::kPending && work.home_of(job).empty()) continue;
        Nomination stray;
        stray.job = job.id;
        stray.label = job.label;
        stray.site = site;
        const std::string why = "Weir has not nominated it";
        take_back(work, stray, job, {why, why, {}});
    }
}

}  // namespace weir::policies::spill
