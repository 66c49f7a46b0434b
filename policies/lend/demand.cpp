// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/lend/wishes.h"
#include "policies/lend/words.h"

namespace weir::policies {
namespace {

// What keeps the rule from lending anything now, whatever is wanted.
std::string held_by_time(const Decision& d, const RuleWork& work) {
    const Time at = d.snapshot.at;
    const RuleState& state = work.state;
    if (state.held_home) return "held home by weir return";
    if (state.lend_after && *state.lend_after > at)
        return "backoff for another " + to_text(*state.lend_after - at);
    if (!d.may_write(work)) {
        const Duration left = *state.last_write + 2 * d.snapshot.backfill_cycle - at;
        return "the reservation was just written; next change in " + to_text(left);
    }
    return {};
}

std::string why_held_back(const Decision& d, const RuleWork& work, const Wishes& wishes) {
    if (work.report.wanted == 0) return {};
    std::string by_time = held_by_time(d, work);
    if (!by_time.empty()) return by_time;
    if (work.report.wanted <= static_cast<int>(wishes.granted().size())) return {};
    return wishes.why_bounded();
}

void lend(Decision& d, RuleWork& work, const std::vector<Wish>& granted) {
    for (const Wish& wish : granted) {
        Standing standing;
        standing.node = wish.node;
        standing.loan.rule = work.rule().name;
        standing.loan.node = d.snapshot.nodes[wish.node].name;
        standing.loan.from = owner_of(d.snapshot, work.land, wish.node);
        standing.loan.since = d.snapshot.at;
        standing.loan.why = wish.why;
        standing.loan.for_job = wish.for_job;
        work.loans.push_back(std::move(standing));
        d.newly_lent[wish.node] = 1;
    }
    std::ranges::sort(work.loans, {}, &Standing::node);
}

int count_lent(const RuleWork& work) {
    return static_cast<int>(
        std::ranges::count_if(work.loans, [](const Standing& s) { return !s.loan.vacating; }));
}

// Tells the watched job what is lent for it or what keeps Weir from lending.
void tell(const Decision& d, const RuleWork& work, const Wishes& wishes) {
    const Job* job = d.snapshot.job(d.watch->job);
    if (job == nullptr || std::ranges::find(work.pending, job) == work.pending.end()) return;
    if (!d.watch->said.empty()) return;
    std::vector<std::string> names;
    for (const Wish& wish : wishes.granted())
        if (wish.for_job == job->id) names.push_back(d.snapshot.nodes[wish.node].name);
    const std::string by_time = held_by_time(d, work);
    if (!names.empty())
        d.say(*job, by_time.empty() ? "Weir lends " + listed(names) + " for it"
                                    : "Weir would lend " + listed(names) + " for it, but: " + by_time);
    else if (!by_time.empty())
        d.say(*job, "Weir lends nothing now: " + by_time);
    else if (std::ranges::any_of(wishes.all(), [&](const Wish& wish) { return wish.for_job == job->id; }) ||
             (work.report.wanted > 0 && !wishes.hopeless(*job)))
        d.say(*job, "Weir may not lend enough for it now: " + wishes.why_bounded());
    else
        d.say(*job, "no idle node that Weir may lend would make room for it");
}

// Lent nodes that nobody has used for long and that no waiting job or spare headroom needs go home.
void return_surplus(const Decision& d, RuleWork& work, const Wishes& wishes) {
    std::vector<Standing*> unused;
    for (Standing& standing : work.loans) {
        const Loan& loan = standing.loan;
        if (loan.vacating || !loan.unused_since || wishes.needs(standing.node)) continue;
        if (d.snapshot.at - *loan.unused_since >= work.rule().idle_return) unused.push_back(&standing);
    }
    std::ranges::stable_sort(unused, {}, [](const Standing* s) { return *s->loan.unused_since; });
    std::map<std::string, int> ready = wishes.free_at_hand();
    for (Standing* standing : unused) {
        const Node& node = d.snapshot.nodes[standing->node];
        auto remains = [&](const auto& spare) {
            return ready[spare.first] - gpus_on(node, spare.first) >= spare.second ||
                   gpus_on(node, spare.first) == 0;
        };
        if (!std::ranges::all_of(work.rule().spare_gpus, remains)) continue;
        for (const auto& [type, amount] : work.rule().spare_gpus) ready[type] -= gpus_on(node, type);
        const Duration unused_for = d.snapshot.at - *standing->loan.unused_since;
        send_home(*standing, d.snapshot.at, "nobody has used it for " + to_text(unused_for), std::nullopt,
                  true);
    }
}

}  // namespace

void serve_demand(Decision& decision, RuleWork& work) {
    Wishes wishes(decision, work);
    wishes.gather();
    if (held_by_time(decision, work).empty()) lend(decision, work, wishes.granted());
    work.report.held_back = why_held_back(decision, work, wishes);
    const bool full = work.rule().max_lent && count_lent(work) >= *work.rule().max_lent;
    if (!full && held_by_time(decision, work).empty() && !wishes.lacking().empty()) {
        work.report.lacking = wishes.lacking();
        work.report.lendable_if_idle = lendable_if_idle(decision, work);
    }
    if (decision.watch != nullptr) tell(decision, work, wishes);
    if (!work.state.held_home && decision.may_write(work)) return_surplus(decision, work, wishes);
}

}  // namespace weir::policies
