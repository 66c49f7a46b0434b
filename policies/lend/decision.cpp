// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/lend/decision.h"

#include <algorithm>

namespace weir::policies {
namespace {

// Slurm's way of listing who may enter: names, or names behind a minus that may not.
bool listed_in(const std::vector<std::string>& names, const std::string& name) {
    if (names.empty()) return true;
    if (std::ranges::find(names, "-" + name) != names.end()) return false;
    return std::ranges::find(names, name) != names.end() || names.front().starts_with('-');
}

}  // namespace

bool may_enter(const LendRule& rule, const Job& job) {
    return listed_in(rule.users, job.user) && listed_in(rule.accounts, job.account);
}

bool RuleWork::vacating_soon(NodeIndex node) const {
    return std::ranges::any_of(loans, [&](const Standing& s) { return s.node == node && s.loan.vacating; });
}

Decision::Decision(const Snapshot& the_snapshot, const std::vector<LendRule>& the_rules, Watch* the_watch)
    : snapshot(the_snapshot),
      shapes(the_snapshot),
      borrower_of(the_snapshot.partitions.size(), -1),
      in_weirs(the_snapshot.nodes.size(), 0),
      newly_lent(the_snapshot.nodes.size(), 0),
      claimed(the_snapshot.nodes.size(), 0),
      watch(the_watch) {
    for (const auto& reservation : snapshot.reservations)
        for (const auto& name : reservation.nodes)
            if (auto node = snapshot.node(name)) in_weirs[*node] = 1;
    for (const Clearing& clearing : snapshot.ledger.consolidation.clearings)
        if (ready_to_lend(snapshot, clearing))
            for (const auto& name : clearing.nodes) in_weirs[*snapshot.node(name)] = 0;
    for (auto& land : survey(snapshot, the_rules)) {
        RuleWork work;
        work.land = std::move(land);
        work.state.rule = work.rule().name;
        for (const auto& state : snapshot.ledger.rules)
            if (state.rule == work.state.rule) work.state = state;
        work.reservation = snapshot.reservation(work.rule().reservation());
        work.held.assign(snapshot.nodes.size(), 0);
        if (work.reservation != nullptr)
            for (const auto& name : work.reservation->nodes)
                if (auto node = snapshot.node(name)) work.held[*node] = 1;
        if (work.works()) borrower_of[work.land.to] = static_cast<int>(rules.size());
        rules.push_back(std::move(work));
    }
    sort_out_jobs();
}

// The one pass over all jobs; the stages see only what concerns them.
void Decision::sort_out_jobs() {
    NodeFlags lent_or_was(snapshot.nodes.size(), 0);
    for (const Loan& loan : snapshot.ledger.loans)
        if (auto node = snapshot.node(loan.node)) lent_or_was[*node] = 1;
    NodeFlags owners(snapshot.partitions.size(), 0);
    for (const RuleWork& work : rules) {
        if (!work.works()) continue;
        for (NodeIndex node : work.land.lendable)
            if (work.held[node] != 0) lent_or_was[node] = 1;
        for (PartitionIndex partition : work.land.from) owners[partition] = 1;
    }
    for (const Job& job : snapshot.jobs) {
        if (job.state != JobState::kPending) {
            for (NodeIndex node : job.nodes)
                if (lent_or_was[node] != 0) on_loans.emplace_back(node, &job);
            continue;
        }
        const int rule = borrower_rule(job);
        if (rule >= 0) {
            RuleWork& work = rules[static_cast<std::size_t>(rule)];
            if (!may_enter(work.rule(), job)) continue;
            work.pending.push_back(&job);
            if (wants_lending(work, job))
                work.waiting.push_back({job.priority, shapes.of(job), job.count, &job});
        } else if (job.waits_for == WaitsFor::kResources && job.eligible && job.reservation.empty() &&
                   job.request.beyond_model.empty() &&
                   std::ranges::any_of(job.partitions, [&](PartitionIndex p) { return owners[p] != 0; })) {
            owners_waiting.push_back({job.priority, shapes.of(job), job.count, &job});
        }
    }
}

bool Decision::wants_lending(const RuleWork& work, const Job& job) const {
    const bool ours = job.begin_set_by_weir.has_value();
    if (job.waits_for != WaitsFor::kResources && !(job.waits_for == WaitsFor::kBeginTime && ours))
        return false;
    if (!job.eligible && !ours) return false;
    if (!job.reservation.empty() && job.reservation != work.rule().reservation()) return false;
    return job.request.beyond_model.empty();
}

bool Decision::borrows(const RuleWork& work, const Job& job) const {
    if (job.reservation == work.rule().reservation()) return true;
    return std::ranges::find(job.partitions, work.land.to) != job.partitions.end();
}

int Decision::borrower_rule(const Job& job) const {
    if (job.partitions.empty()) return -1;
    const PartitionIndex first = job.partitions.front();
    if (!std::ranges::all_of(job.partitions, [&](PartitionIndex p) { return p == first; })) return -1;
    return borrower_of[first];
}

bool Decision::takes_jobs(NodeIndex index) const {
    const Node& node = snapshot.nodes[index];
    return (node.state == NodeState::kUp || node.state == NodeState::kPoweringUp ||
            node.state == NodeState::kPoweredDown) &&
           node.reservation.empty();
}

bool Decision::idle_at_home(NodeIndex index) const {
    const Node& node = snapshot.nodes[index];
    return (node.state == NodeState::kUp || node.state == NodeState::kPoweredDown) && node.jobs == 0 &&
           !node.completing && !node.planned && node.reservation.empty() && in_weirs[index] == 0 &&
           newly_lent[index] == 0;
}

bool Decision::may_write(const RuleWork& work) const {
    return work.urgent || !work.state.last_write ||
           snapshot.at - *work.state.last_write >= 2 * snapshot.backfill_cycle;
}

void Decision::say(const Job& job, std::string_view sentence) const {
    if (watches(job)) watch->said.emplace_back(sentence);
}

void flip(RuleWork& work, Time at, Time lent) {
    const Backoff& backoff = work.rule().backoff;
    RuleState& state = work.state;
    if (state.last_flip == at) return;
    const Duration last = std::max(state.backoff, backoff.first);
    // As long as the longest backoff without a flip, counted from when lending was open again, and all is
    // forgotten.
    const bool recent = state.last_flip && at - *state.last_flip <= last + backoff.max;
    // Nodes of loans older than the last flip go home in one movement with it, however many cycles that
    // takes.
    const bool again = recent && lent > *state.last_flip;
    state.backoff = std::min(again ? 2 * last : recent ? last : backoff.first, backoff.max);
    state.last_flip = at;
    state.lend_after = std::max(state.lend_after.value_or(at), at + state.backoff);
}

void send_home(Standing& standing, Time at, std::string why, std::optional<JobId> for_job, bool stops_jobs) {
    Loan& loan = standing.loan;
    if (!loan.vacating || (stops_jobs && !loan.vacating->stops_jobs)) {
        auto notices = loan.vacating ? std::move(loan.vacating->notices) : std::vector<Notice>{};
        loan.vacating = Vacating{at, {}, {}, true, std::move(notices)};
    }
    loan.vacating->why = std::move(why);
    loan.vacating->for_job = for_job;
    loan.vacating->stops_jobs = stops_jobs;
}

}  // namespace weir::policies
