// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/services/services.h"

#include <algorithm>
#include <map>

#include "policies/services/work.h"

namespace weir::policies {

void services(const Snapshot& snapshot, const std::vector<ServiceRule>& rules,
              const std::set<std::string>& gentle, Plan& plan) {
    // What is remembered of services that weir.yaml no longer has: their jobs run on as any others.
    std::erase_if(plan.ledger.services, [&](const ServiceState& state) {
        return std::ranges::find(rules, state.service, &ServiceRule::name) == rules.end();
    });
    std::map<std::string, std::vector<const Job*>> jobs;
    if (!rules.empty())
        for (const Job& job : snapshot.jobs)
            if (job.replica) jobs[job.replica->service].push_back(&job);
    for (const ServiceRule& rule : rules)
        Work(snapshot, rule, std::move(jobs[rule.name]), gentle, plan).run();
}

}  // namespace weir::policies
