// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/lend/decision.h"
#include "policies/lend/lend.h"
#include "policies/lend/words.h"

namespace weir::policies {
namespace {

// What the ledger holds about nodes that come home for an owner's job.
void tell_homecoming(const Plan& plan, const Job& job, std::vector<std::string>& said) {
    std::vector<std::string> nodes;
    for (const Loan& loan : plan.ledger.loans)
        if (loan.vacating && loan.vacating->for_job == job.id) nodes.push_back(loan.node);
    if (!nodes.empty())
        said.push_back(listed(nodes) + (nodes.size() == 1 ? " is" : " are") + " on the way home for it");
}

void tell_of_borrower(const RuleWork& work, const Job& job, std::vector<std::string>& said) {
    if (!work.works()) {
        said.push_back("rule " + work.rule().name + " does nothing: " + work.land.problem);
        return;
    }
    if (!may_enter(work.rule(), job))
        said.push_back("rule " + work.rule().name + " does not let its user or account use what is lent");
    else if (!job.request.beyond_model.empty())
        said.push_back("Weir lends nothing on its behalf: " + job.request.beyond_model);
    else if (!job.reservation.empty() && job.reservation != work.rule().reservation())
        said.push_back("it names reservation " + job.reservation + ", which is not Weir's");
    else if (job.waits_for == WaitsFor::kOther)
        said.push_back("more nodes would not help it");
    else if (job.waits_for == WaitsFor::kBeginTime && !job.begin_set_by_weir)
        said.push_back("its begin time has not come");
    else if (job.refused)
        said.push_back("Slurm refused to let it use reservation " + work.rule().reservation() +
                       "; Weir tries again every minute, and weirctld's log says why");
}

// What Weir sees of the rule that a waiting job is concerned by: demand, what is at hand, candidates,
// reserves.
void tell_figures(const RuleWork& work, const Plan& plan, std::vector<std::string>& said) {
    const auto report = std::ranges::find(plan.rules, work.rule().name, &RuleReport::rule);
    if (!work.works() || report == plan.rules.end()) return;
    const LoanCounts loans = count_loans(plan.ledger, work.rule().name);
    const LendRule& rule = work.rule();
    std::string text = "rule " + rule.name + ": " + counted(report->waiting_jobs, "job") +
                       (report->waiting_jobs == 1 ? " waits in " : " wait in ") + rule.to + ", which has " +
                       counted(report->own, "node") + " of its own and " + std::to_string(loans.lent) +
                       " lent; of " + counted(report->lendable, "node") + " that may be lent " +
                       std::to_string(report->owner_idle) + (report->owner_idle == 1 ? " is" : " are") +
                       " left idle";
    if (rule.keep_idle > 0) text += "; keep_idle is " + std::to_string(rule.keep_idle);
    if (rule.max_lent) text += "; max_lent is " + std::to_string(*rule.max_lent);
    for (const auto& [type, gpus] : rule.spare_gpus)
        text += "; spare_gpus of " + type + " is " + std::to_string(gpus);
    said.push_back(std::move(text));
}

// What the job's user declared of it, and what follows.
void tell_declared(const Job& job, std::vector<std::string>& said) {
    if (!job.checkpoint) return;
    const Checkpoint& checkpoint = *job.checkpoint;
    std::string text = "it can be told to save and start again within " + to_text(checkpoint.within) +
                       ", as its user declared (--weir-checkpoint)";
    if (checkpoint.every) text += "; it saves every " + to_text(*checkpoint.every) + " by itself";
    if (checkpoint.reload) text += "; a restart takes it " + to_text(*checkpoint.reload);
    if (!job.requeueable) text += "; but it may not be requeued any more";
    said.push_back(std::move(text));
}

// A running job on lent nodes: since when, and what is coming.
void tell_of_loan(const LendRule& rule, const Plan& plan, const Snapshot& snapshot, const Job& job,
                  std::vector<std::string>& said) {
    std::optional<Time> told;
    const Vacating* vacating = nullptr;
    for (const Loan& loan : plan.ledger.loans) {
        const auto node = snapshot.node(loan.node);
        if (loan.rule != rule.name || !node || !std::ranges::binary_search(job.nodes, *node)) continue;
        said.push_back("it runs on " + loan.node + ", lent by " + loan.from + " to " + rule.to + " " +
                       to_text(snapshot.at - loan.since) + " ago: " + loan.why);
        if (!loan.vacating) continue;
        said.push_back(loan.node + " goes home: " + loan.vacating->why);
        if (vacating == nullptr || loan.vacating->stops_jobs) vacating = &*loan.vacating;
        for (const Notice& notice : loan.vacating->notices)
            if (notice.job == job.id && (!told || notice.at < *told)) told = notice.at;
    }
    if (vacating == nullptr) return;
    const bool stays = !vacating->stops_jobs || rule.reclaim.then == Ending::kLeave ||
                       (rule.reclaim.then == Ending::kRequeue && !job.requeueable);
    const std::string ending = rule.reclaim.then == Ending::kCancel ? "cancelled" : "requeued";
    const Duration time = leave_of(job, rule.reclaim).time;
    if (stays)
        said.push_back("it may run to its end there");
    else if (!told)
        said.push_back("it gets notice and will be " + ending + " " + to_text(time) + " later");
    else if (*told + time > snapshot.at)
        said.push_back("it was given notice and will be " + ending + " in " +
                       to_text(*told + time - snapshot.at));
    else
        said.push_back("its notice has run out and it is being " + ending);
}

}  // namespace

std::vector<std::string> explain(const Snapshot& snapshot, const std::vector<LendRule>& rules,
                                 const Plan& plan, const Job& job) {
    Watch watch{job.id, {}};
    Decision decision(snapshot, rules, &watch);
    std::vector<std::string> said;
    if (job.state != JobState::kPending) {
        for (const LendRule& rule : rules) tell_of_loan(rule, plan, snapshot, job, said);
    } else {
        decide(decision);
        tell_homecoming(plan, job, said);
        std::vector<const RuleWork*> concerned;
        for (const RuleWork& work : decision.rules) {
            const auto to = snapshot.partition(work.rule().to);
            const bool its = to && !job.partitions.empty() &&
                             std::ranges::all_of(job.partitions, [&](PartitionIndex p) { return p == *to; });
            if (its) tell_of_borrower(work, job, said);
            const bool owners = std::ranges::any_of(job.partitions, [&](PartitionIndex p) {
                return std::ranges::find(work.land.from, p) != work.land.from.end();
            });
            if (its || owners) concerned.push_back(&work);
        }
        if (said.empty() || !watch.said.empty())
            said.insert(said.end(), watch.said.begin(), watch.said.end());
        for (const RuleWork* work : concerned) tell_figures(*work, plan, said);
        if (!said.empty() && !job.reason.empty()) said.insert(said.begin(), "it waits for: " + job.reason);
    }
    tell_declared(job, said);
    if (!job.told.empty()) said.push_back("Weir noted in its AdminComment: " + job.told);
    return said;
}

}  // namespace weir::policies
