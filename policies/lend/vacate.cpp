// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <set>

#include "policies/lend/decision.h"

namespace weir::policies {
namespace {

// When a job was told, on whichever of its nodes that was.
std::optional<Time> told(const RuleWork& work, const Job& job) {
    std::optional<Time> earliest;
    for (const Standing& standing : work.loans) {
        if (!standing.loan.vacating) continue;
        for (const Notice& notice : standing.loan.vacating->notices)
            if (notice.job == job.id && (!earliest || notice.at < *earliest)) earliest = notice.at;
    }
    return earliest;
}

}  // namespace

Leave leave_of(const Job& job, const Reclaim& terms) {
    std::optional<NoticeSignal> signal = job.notice;
    if (job.checkpoint && !(signal && signal->within))
        signal = NoticeSignal{job.checkpoint->signal, true, job.checkpoint->within};
    return {signal, std::min(terms.notice, signal && signal->within ? *signal->within : terms.notice)};
}

void vacate(const Decision& decision, const RuleWork& work, std::vector<Step>& notices,
            std::vector<Step>& ends) {
    const Reclaim& terms = work.rule().reclaim;
    if (terms.then == Ending::kLeave) return;
    const Time at = decision.snapshot.at;
    std::set<JobId> seen;
    for (const Standing& standing : work.loans) {
        const Loan& loan = standing.loan;
        if (!loan.vacating || !loan.vacating->stops_jobs || standing.held) continue;
        for (const Job* job : standing.borrowers) {
            if (job->state != JobState::kRunning) continue;
            if (terms.then == Ending::kRequeue && !job->requeueable) continue;
            if (!seen.insert(job->id).second) continue;
            // A replica of a service left the endpoints when this began; its balancer lets go of it first.
            if (job->replica && at - loan.vacating->since < job->replica->settle) continue;
            const auto since = told(work, *job);
            const Leave leave = leave_of(*job, terms);
            if (since && at - *since < leave.time) continue;
            std::vector<JobId> jobs{job->id};
            if (loan.vacating->for_job) jobs.push_back(*loan.vacating->for_job);
            std::ranges::sort(jobs);
            const std::string home = loan.node + " goes home to " + loan.from;
            const std::string why = home + ": " + loan.vacating->why;
            // AdminComment is everybody's to read: nothing of the job that the node goes home for.
            const std::string told = loan.vacating->for_job ? home + ", whose own jobs wait for it" : why;
            const std::string ending = terms.then == Ending::kCancel ? "cancelled" : "requeued";
            if (!since) {
                notices.push_back(
                    {NotifyJob{job->id, job->label, loan.rule, loan.node, leave.signal,
                               "will be " + ending + " in " + to_text(leave.time) + ": " + told},
                     why, std::move(jobs)});
            } else {
                const std::string over = "its notice of " + to_text(leave.time) + " has run out; ";
                ends.push_back({EndJob{job->id, job->label, loan.rule, loan.node, terms.then,
                                       ending + ": " + over + told},
                                over + why, std::move(jobs)});
            }
        }
    }
}

}  // namespace weir::policies
