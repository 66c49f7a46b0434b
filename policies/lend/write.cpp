// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <set>

#include "policies/lend/decision.h"

namespace weir::policies {
namespace {

constexpr std::size_t kReasonsSaid = 5;

// Own nodes and what is lent. A node that somebody else has reserved is not added: Slurm would refuse the
// whole write.
std::set<std::string> wanted_nodes(const Decision& decision, const RuleWork& work) {
    std::set<std::string> names;
    for (NodeIndex index : work.land.own) {
        const Node& node = decision.snapshot.nodes[index];
        if (work.held[index] != 0 || node.reservation.empty()) names.insert(node.name);
    }
    for (const Standing& standing : work.loans)
        if (!standing.loan.vacating) names.insert(standing.loan.node);
    return names;
}

Reason reason_of(const Decision& decision, const RuleWork& work, const std::string& name, bool added) {
    if (auto known = work.reasons.find(name); known != work.reasons.end()) return known->second;
    for (const Standing& standing : work.loans) {
        if (standing.loan.node != name) continue;
        Reason reason{standing.loan.vacating ? standing.loan.vacating->why : standing.loan.why, {}};
        const auto& job = standing.loan.vacating ? standing.loan.vacating->for_job : standing.loan.for_job;
        if (job) reason.jobs.push_back(*job);
        return reason;
    }
    const auto index = decision.snapshot.node(name);
    if (added)
        return {"the reservation lost " + name + ", which is partition " + work.rule().to + "'s own", {}};
    if (!index) return {name + " is no longer a node of this cluster", {}};
    return {name + " is neither " + work.rule().to + "'s own nor lendable", {}};
}

// Puts the changes' reasons into one sentence, each said once.
void explain_write(const Decision& decision, const RuleWork& work, const SetReservation& set, Step& step) {
    std::vector<std::string> texts;
    std::set<JobId> jobs;
    if (set.create) texts.push_back("the reservation of rule " + set.rule + " is missing");
    auto tell = [&](const std::string& name, bool added) {
        Reason reason = reason_of(decision, work, name, added);
        jobs.insert(reason.jobs.begin(), reason.jobs.end());
        if (std::ranges::find(texts, reason.text) == texts.end()) texts.push_back(std::move(reason.text));
    };
    for (const auto& name : set.added) {
        const auto node = decision.snapshot.node(name);
        if (!(set.create && node && work.land.is_own[*node] != 0)) tell(name, true);
    }
    for (const auto& name : set.removed) tell(name, false);
    if (texts.empty()) texts.push_back("its flags or its duration are not those that Weir gives it");
    for (std::size_t i = 0; i < texts.size() && i < kReasonsSaid; ++i)
        step.why += (i == 0 ? "" : "; ") + texts[i];
    if (texts.size() > kReasonsSaid)
        step.why += "; and " + std::to_string(texts.size() - kReasonsSaid) + " more reasons";
    step.jobs.assign(jobs.begin(), jobs.end());
}

}  // namespace

std::optional<Step> write_reservation(const Decision& decision, RuleWork& work) {
    const bool missing = work.reservation == nullptr;
    if (missing && work.state.held_home) return std::nullopt;
    if (!missing && !decision.may_write(work)) return std::nullopt;
    const std::set<std::string> wanted = wanted_nodes(decision, work);
    if (wanted.empty()) return std::nullopt;
    SetReservation set{
        work.rule().name, work.rule().reservation(), missing, {wanted.begin(), wanted.end()}, {}, {}};
    const std::vector<std::string> now = missing ? std::vector<std::string>{} : work.reservation->nodes;
    std::ranges::set_difference(set.nodes, now, std::back_inserter(set.added));
    std::ranges::set_difference(now, set.nodes, std::back_inserter(set.removed));
    const bool mends = !missing && !work.reservation->as_weir_makes_it;
    if (!missing && !mends && set.added.empty() && set.removed.empty()) return std::nullopt;
    if (work.state.held_home && set.removed.empty()) return std::nullopt;
    Step step;
    explain_write(decision, work, set, step);
    step.action = std::move(set);
    return step;
}

}  // namespace weir::policies
