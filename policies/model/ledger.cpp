// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/ledger.h"

#include <algorithm>

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
