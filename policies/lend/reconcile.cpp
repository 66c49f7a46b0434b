// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/lend/decision.h"

namespace weir::policies {
namespace {

// Loans of the ledger that still stand, and what their absence tells.
void take_over_loans(const Decision& decision, RuleWork& work) {
    const Time at = decision.snapshot.at;
    bool deleted = false;
    bool taken_by_hand = false;
    for (const Loan& known : decision.snapshot.ledger.loans) {
        if (known.rule != work.rule().name) continue;
        const auto node = decision.snapshot.node(known.node);
        if (!node || work.land.is_own[*node] != 0) continue;
        Standing standing{known, *node, work.held[*node] != 0, {}, 0};
        if (!known.vacating && !standing.held) {
            if (!known.confirmed) continue;
            (work.reservation == nullptr ? deleted : taken_by_hand) = true;
            continue;
        }
        if (!known.vacating) standing.loan.confirmed = true;
        work.loans.push_back(std::move(standing));
    }
    // Somebody wants these nodes at home: Weir does not fight that.
    if (deleted) flip(work, at, at);
    if (taken_by_hand)
        work.state.lend_after = std::max(work.state.lend_after.value_or(at), at + work.rule().backoff.first);
}

void adopt_strays(const Decision& decision, RuleWork& work) {
    NodeFlags known(decision.snapshot.nodes.size(), 0);
    for (const Standing& standing : work.loans) known[standing.node] = 1;
    for (NodeIndex node : work.land.lendable) {
        if (work.held[node] == 0 || known[node] != 0) continue;
        Loan loan;
        loan.rule = work.rule().name;
        loan.node = decision.snapshot.nodes[node].name;
        loan.from = owner_of(decision.snapshot, work.land, node);
        loan.since = decision.snapshot.at;
        loan.why = "found in the reservation";
        loan.confirmed = true;
        work.loans.push_back({std::move(loan), node, true, {}, 0});
    }
    std::ranges::sort(work.loans, {}, &Standing::node);
}

void find_jobs(const Decision& decision, RuleWork& work) {
    std::vector<Standing*> by_node(decision.snapshot.nodes.size(), nullptr);
    for (Standing& standing : work.loans) {
        by_node[standing.node] = &standing;
        standing.others = decision.snapshot.nodes[standing.node].jobs;
    }
    for (const auto& [node, job] : decision.on_loans) {
        Standing* standing = by_node[node];
        if (standing == nullptr || !decision.borrows(work, *job)) continue;
        standing->borrowers.push_back(job);
        if (standing->others > 0) --standing->others;
    }
}

// True where the loan is over: nothing is on the node, or what is on it is Slurm's affair.
bool over_by_health(const Decision& decision, RuleWork& work, Standing& standing) {
    const Node& node = decision.snapshot.nodes[standing.node];
    const bool down = node.state == NodeState::kDown;
    const bool silent = node.state == NodeState::kUnknown && node.reservation.empty();
    if (silent || (!down && decision.takes_jobs(standing.node))) return false;
    const std::string why =
        node.name + (down                                 ? " is down"
                     : node.state == NodeState::kDraining ? " is being drained"
                                                          : " is in reservation " + node.reservation);
    if (standing.held) {
        work.urgent = true;
        work.reasons[node.name] = {why, {}};
    }
    if (down || (standing.empty() && !node.completing)) return true;
    if (!standing.loan.vacating || (standing.loan.vacating->stops_jobs && !work.state.held_home))
        send_home(standing, decision.snapshot.at, why, std::nullopt, false);
    return false;
}

// Stops nobody any more for an owner's job that no longer waits.
void drop_need_that_passed(const Decision& decision, Standing& standing) {
    auto& vacating = standing.loan.vacating;
    if (!vacating || !vacating->stops_jobs || !vacating->for_job) return;
    const Job* job = decision.snapshot.job(*vacating->for_job);
    if (job != nullptr && job->state == JobState::kPending && job->waits_for == WaitsFor::kResources) return;
    vacating->stops_jobs = false;
}

// A notice counts for the run of the job that got it.
void drop_stale_notices(const Standing& standing, std::vector<Notice>& notices) {
    std::erase_if(notices, [&](const Notice& notice) {
        return std::ranges::none_of(standing.borrowers, [&](const Job* job) {
            return job->id == notice.job && !(job->started && *job->started > notice.at);
        });
    });
}

}  // namespace

void reconcile(Decision& decision, RuleWork& work) {
    const Time at = decision.snapshot.at;
    take_over_loans(decision, work);
    adopt_strays(decision, work);
    find_jobs(decision, work);
    std::erase_if(work.loans, [&](Standing& standing) {
        const Node& node = decision.snapshot.nodes[standing.node];
        if (over_by_health(decision, work, standing)) return true;
        if (work.land.is_lendable[standing.node] == 0 && !standing.loan.vacating)
            send_home(standing, at, node.name + " is no longer lendable", std::nullopt, false);
        drop_need_that_passed(decision, standing);
        if (work.state.held_home && !(standing.loan.vacating && standing.loan.vacating->stops_jobs))
            send_home(standing, at, "weir return", std::nullopt, true);
        auto& vacating = standing.loan.vacating;
        if (!vacating) {
            const bool used = !standing.empty() || node.completing;
            if (used)
                standing.loan.unused_since.reset();
            else if (!standing.loan.unused_since)
                standing.loan.unused_since = at;
            return false;
        }
        drop_stale_notices(standing, vacating->notices);
        if (standing.held) work.urgent = true;
        return !standing.held && standing.borrowers.empty();
    });
}

}  // namespace weir::policies
