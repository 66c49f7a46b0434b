// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <map>

#include "policies/lend/decision.h"

namespace weir::policies {
namespace {

constexpr std::size_t kNamedACycle = 100;  // every job update disturbs backfill

bool waits_on_weir(const Job& job) {
    return job.begin_set_by_weir && job.begin == job.begin_set_by_weir;
}

// Which jobs may be given to a rule's reservation as it will be after this cycle. Slurm gives a job up
// (BadConstraints, priority 0) that names a reservation with no node that could ever be one of its nodes; it
// may lack some of them.
class Suits {
  public:
    Suits(Decision& decision, const RuleWork& work)
        : decision_(decision), room_(decision.snapshot, decision.shapes) {
        for (const NodeIndex node : work.land.own) open(node);
        for (const Standing& standing : work.loans)
            if (!standing.loan.vacating) open(standing.node);
    }

    bool operator()(const Job& job) {
        const ShapeId shape = decision_.shapes.of(job);
        auto [place, fresh] = known_.try_emplace(shape, false);
        if (fresh)
            place->second =
                std::ranges::any_of(nodes_, [&](NodeIndex node) { return room_.usable(shape, node); });
        return place->second;
    }

  private:
    void open(NodeIndex node) {
        room_.open_empty(node);
        nodes_.push_back(node);
    }

    Decision& decision_;
    Capacity room_;
    std::vector<NodeIndex> nodes_;
    std::map<ShapeId, bool> known_;
};

std::string why(const Job& job, const LendRule& rule) {
    if (job.given_up)
        return "a node that suits job " + job.label + " is there again, and Slurm had given it up";
    return "job " + job.label + " waits in " + rule.to + " alone, so it may use what is lent to it";
}

}  // namespace

std::vector<Step> sweep(Decision& decision, const std::vector<char>& reservation_stands) {
    struct Find {
        const Job* job;
        const RuleWork* work;
    };
    std::vector<Find> urgent;
    std::vector<Find> others;
    for (std::size_t i = 0; i < decision.rules.size(); ++i) {
        const RuleWork& work = decision.rules[i];
        if (!work.works() || work.state.held_home || reservation_stands[i] == 0) continue;
        Suits suits(decision, work);
        for (const Job* job : work.pending) {
            const bool ours = job->reservation == work.rule().reservation();
            const bool held_for_weir = waits_on_weir(*job) && (ours || job->reservation.empty());
            const bool to_name = job->reservation.empty() || (ours && job->given_up);
            if ((!held_for_weir && !to_name) || job->refused || !suits(*job)) continue;
            if (held_for_weir || others.size() < kNamedACycle)
                (held_for_weir ? urgent : others).push_back({job, &work});
        }
    }
    urgent.insert(urgent.end(), others.begin(), others.end());
    if (urgent.size() > kNamedACycle) urgent.resize(kNamedACycle);
    std::vector<Step> steps;
    for (const Find& found : urgent) {
        const LendRule& rule = found.work->rule();
        steps.push_back({NameReservation{found.job->id, found.job->label, rule.name, rule.reservation(),
                                         waits_on_weir(*found.job)},
                         why(*found.job, rule),
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
            steps.push_back({NameReservation{job.id, job.label, work.rule().name, "", false},
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
