// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

// The site's partition that a job's list holds besides others; nullptr: none, or nothing besides.
const Partition* gateway_in_list(const Work& work, const Job& job) {
    const Partition* gateway = nullptr;
    bool home = false;
    for (const PartitionIndex index : job.partitions) {
        const Partition& partition = work.snapshot.partitions[index];
        home = home || partition.site.empty();
        if (!partition.site.empty()) gateway = &partition;
    }
    return home ? gateway : nullptr;
}

std::string partition_of(const Work& work, const std::string& site) {
    const auto found = std::ranges::find(work.policy.sites, site, &Site::name);
    return found != work.policy.sites.end() ? found->partition : std::string();
}

bool is_nominated(const Work& work, const Job& job) {
    const auto& all = work.memory().nominations;
    return std::ranges::any_of(all, [&](const Nomination& one) {
        return (one.job == job.id && one.label == job.label) || one.label == job.label;
    });
}

bool sends_there(const OverflowRule& rule, const std::string& site) {
    return rule.sites.empty() || std::ranges::find(rule.sites, site) != rule.sites.end();
}

}  // namespace

// This installation's own token is taken away even where every rule only advises: the gateway would take the
// job for nominated, and standing nominations are taken back then, too. A list that somebody else wrote is
// left as it is unless some rule that acts sends jobs to that site.
void tidy(Work& work) {
    for (const Job& job : work.snapshot.jobs) {
        const bool waits_here = job.state == JobState::kPending && job.partitions.size() > 1;
        if (!waits_here && job.nominated.empty()) continue;
        if (job.state == JobState::kCompleting || !site_of(work.snapshot, job).empty()) continue;
        Nomination stray;
        stray.site = job.nominated;
        stray.partition = partition_of(work, stray.site);
        if (job.state == JobState::kPending && stray.site.empty()) {
            const Partition* gateway = gateway_in_list(work, job);
            if (gateway == nullptr) continue;
            const bool acting = std::ranges::any_of(work.policy.rules, [&](const OverflowRule& rule) {
                return acts(rule) && sends_there(rule, gateway->site);
            });
            if (!acting) continue;
            stray.site = gateway->site;
            stray.partition = gateway->name;
        }
        if (stray.site.empty() || is_nominated(work, job)) continue;
        if (job.state == JobState::kPending && work.home_of(job).empty()) continue;
        stray.job = job.id;
        stray.label = job.label;
        const std::string why = "Weir has not nominated it";
        take_back(work, stray, job, {why, why, {}});
    }
}

}  // namespace weir::policies::spill
