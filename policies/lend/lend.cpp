// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/lend/lend.h"

#include <algorithm>
#include <iterator>

#include "policies/lend/decision.h"

namespace weir::policies {
namespace {

void fill_report(const Decision& decision, RuleWork& work) {
    RuleReport& report = work.report;
    report.rule = work.rule().name;
    report.reservation = work.rule().reservation();
    report.from = work.rule().from;
    report.to = work.rule().to;
    report.problem = work.land.problem;
    report.keep_idle = work.rule().keep_idle;
    report.own = static_cast<int>(work.land.own.size());
    report.lendable = static_cast<int>(work.land.lendable.size());
    for (NodeIndex node : work.land.lendable) report.owner_idle += decision.idle_at_home(node);
}

// The loans and states as they shall be remembered; those of rules that do nothing stay as they are.
Ledger next_ledger(const Decision& decision) {
    Ledger ledger = decision.snapshot.ledger;
    for (const RuleWork& work : decision.rules) {
        if (!work.works()) continue;
        std::erase_if(ledger.loans, [&](const Loan& loan) { return loan.rule == work.rule().name; });
        for (const Standing& standing : work.loans) ledger.loans.push_back(standing.loan);
        RuleState blank;
        blank.rule = work.rule().name;
        const bool known = std::ranges::binary_search(ledger.rules, blank.rule, {}, &RuleState::rule);
        if (known || work.state != blank) rule_state(ledger, blank.rule) = work.state;
    }
    std::ranges::sort(ledger.loans, [](const Loan& a, const Loan& b) {
        return a.rule != b.rule ? a.rule < b.rule : a.node < b.node;
    });
    return ledger;
}

void append(std::vector<Step>& to, std::vector<Step> from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

Plan decide(Decision& decision) {
    auto each = [&](auto stage) {
        for (RuleWork& work : decision.rules)
            if (work.works()) stage(decision, work);
    };
    each(reconcile);
    each([](Decision&, RuleWork& work) {
        work.urgent |= work.reservation == nullptr && !work.state.held_home;
    });
    reclaim(decision);
    each(restore_idle);
    each(serve_demand);

    Plan plan;
    std::vector<char> stands(decision.rules.size(), 0);
    std::vector<Step> notices;
    std::vector<Step> ends;
    for (std::size_t i = 0; i < decision.rules.size(); ++i) {
        RuleWork& work = decision.rules[i];
        if (!work.works()) continue;
        stands[i] = work.reservation != nullptr ? 1 : 0;
        if (auto step = write_reservation(decision, work)) {
            plan.steps.push_back(std::move(*step));
            stands[i] = 1;
        }
        vacate(decision, work, notices, ends);
    }
    append(plan.steps, sweep(decision, stands));
    append(plan.steps, std::move(notices));
    append(plan.steps, std::move(ends));
    append(plan.steps, leave(decision));
    plan.ledger = next_ledger(decision);
    for (RuleWork& work : decision.rules) {
        fill_report(decision, work);
        plan.rules.push_back(work.report);
    }
    return plan;
}

Plan lend(const Snapshot& snapshot, const std::vector<LendRule>& rules) {
    Decision decision(snapshot, rules, nullptr);
    return decide(decision);
}

}  // namespace weir::policies
