// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/ledger.h"

#include <algorithm>
#include <utility>

namespace weir {

RuleState& rule_state(Ledger& ledger, const std::string& rule) {
    auto place = std::ranges::lower_bound(ledger.rules, rule, {}, &RuleState::rule);
    if (place == ledger.rules.end() || place->rule != rule) {
        RuleState fresh;
        fresh.rule = rule;
        place = ledger.rules.insert(place, std::move(fresh));
    }
    return *place;
}

const IdleJob* idle_job(const Ledger& ledger, JobId job) {
    const auto place = std::ranges::lower_bound(ledger.idle, job, {}, &IdleJob::job);
    return place != ledger.idle.end() && place->job == job ? &*place : nullptr;
}

ServiceState& service_state(Ledger& ledger, const std::string& service) {
    auto place = std::ranges::lower_bound(ledger.services, service, {}, &ServiceState::service);
    if (place == ledger.services.end() || place->service != service) {
        ServiceState fresh;
        fresh.service = service;
        place = ledger.services.insert(place, std::move(fresh));
    }
    return *place;
}

IdleJob* idle_job(Ledger& ledger, JobId job) {
    return const_cast<IdleJob*>(idle_job(std::as_const(ledger), job));
}

bool held_home(const Ledger& ledger, const std::string& rule) {
    const auto place = std::ranges::lower_bound(ledger.rules, rule, {}, &RuleState::rule);
    return place != ledger.rules.end() && place->rule == rule && place->held_home;
}

LoanCounts count_loans(const Ledger& ledger, const std::string& rule) {
    LoanCounts counts;
    for (const Loan& loan : ledger.loans) {
        if (loan.rule != rule) continue;
        if (loan.vacating)
            ++counts.vacating;
        else if (loan.confirmed)
            ++counts.lent;
    }
    return counts;
}

}  // namespace weir
