// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/lend/decision.h"

namespace weir::policies {
namespace {

constexpr std::size_t kNamedACycle = 100;  // every job update disturbs backfill

bool waits_on_weir(const Job& job) {
    return job.begin_set_by_weir && job.begin == job.begin_set_by_weir;
}

}  // namespace

std::vector<Step> sweep(const Decision& decision, const std::vector<char>& reservation_stands) {
    struct Find {
        const Job* job;
        const RuleWork* work;
    };
    std::vector<Find> urgent;
    std::vector<Find> others;
    for (std::size_t i = 0; i < decision.rules.size(); ++i) {
        const RuleWork& work = decision.rules[i];
        if (!work.works() || work.state.held_home || reservation_stands[i] == 0) continue;
        for (const Job* job : work.pending) {
            const bool ours = job->reservation == work.rule().reservation();
            if (waits_on_weir(*job) && (ours || job->reservation.empty()))
                urgent.push_back({job, &work});
            else if (job->reservation.empty() && others.size() < kNamedACycle)
                others.push_back({job, &work});
        }
    }
    urgent.insert(urgent.end(), others.begin(), others.end());
    if (urgent.size() > kNamedACycle) urgent.resize(kNamedACycle);
    std::vector<Step> steps;
    for (const Find& found : urgent) {
        const LendRule& rule = found.work->rule();
        steps.push_back(
            {NameReservation{found.job->id, found.job->label, rule.reservation(), waits_on_weir(*found.job)},
             "job " + found.job->label + " waits in " + rule.to + " alone, so it may use what is lent to it",
             {found.job->id}});
    }
    return steps;
}

std::vector<Step> leave(const Decision& decision) {
    std::vector<Step> steps;
    std::size_t freed = 0;
    for (const RuleWork& work : decision.rules) {
        if (!work.works() || !work.state.held_home || work.reservation == nullptr || !work.loans.empty())
            continue;
        const std::string name = work.reservation->name;
        bool named = false;
        for (const Job& job : decision.snapshot.jobs) {
            if (job.reservation != name) continue;
            named = true;
            if (job.state == JobState::kCompleting || freed == kNamedACycle) continue;
            ++freed;
            steps.push_back({NameReservation{job.id, job.label, "", false},
                             "weir return: reservation " + name + " goes away",
                             {job.id}});
        }
        if (!named)
            steps.push_back(
                {DeleteReservation{work.rule().name, name}, "weir return: nothing is lent any more", {}});
    }
    return steps;
}

}  // namespace weir::policies
