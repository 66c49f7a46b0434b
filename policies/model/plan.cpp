// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/plan.h"

#include <algorithm>

namespace weir {
namespace {

template <class... Visitors>
struct Overloaded : Visitors... {
    using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
    return text;
}

// What cannot be held is not fought for: the move is off, and its goal is left alone for a while.
void record_refused_hold(Consolidation& all, const HoldNodes& hold, const std::string& error, Time at) {
    constexpr Duration kRest{300};
    std::string goal;
    for (const Clearing& clearing : all.clearings)
        if (clearing.reservation() == hold.reservation) goal = clearing.goal;
    for (Move& move : all.moves) {
        if (move.reservation() != hold.reservation || !move.failure.empty()) continue;
        move.stage = MoveStage::kUndo;
        move.blameless = true;
        move.failure = joined(hold.nodes) + " could not be held for it: " + error;
        goal = move.goal;
    }
    if (goal.empty()) return;
    std::erase_if(all.clearings, [&](const Clearing& one) { return one.goal == goal; });
    set_rest(all, goal, at + kRest);
}

void record(Overflow& overflow, const Action& action) {
    if (const auto* nominate = std::get_if<Nominate>(&action)) {
        if (Nomination* one = find_nomination(overflow, nominate->job, nominate->label))
            one->confirmed = true;
    } else if (const auto* back = std::get_if<TakeBack>(&action)) {
        Nomination* one = find_nomination(overflow, back->job, back->label);
        if (one != nullptr && one->started_with && !one->settled)
            one->back = true;
        else
            drop_nomination(overflow, back->job, back->label);
    } else if (const auto* extend = std::get_if<ExtendLimit>(&action)) {
        if (Nomination* one = find_nomination(overflow, extend->job, extend->label)) one->extended = true;
    }
}

// A job that cannot be nominated is left alone for a while; a time limit is asked for once.
void record_refusal(Overflow& overflow, const Action& action, const std::string& error, Time at) {
    constexpr Duration kRest{600};
    if (const auto* nominate = std::get_if<Nominate>(&action)) {
        drop_nomination(overflow, nominate->job, nominate->label);
        set_rest(overflow, {nominate->job, nominate->label, at + kRest,
                            "Slurm would not let it use partition " + nominate->partition + ": " + error});
    } else if (std::holds_alternative<ExtendLimit>(action)) {
        record(overflow, action);
    }
}

}  // namespace

void record(Ledger& ledger, const Step& step, Time at) {
    record(ledger.overflow, step.action);
    if (const auto* set = std::get_if<SetReservation>(&step.action)) {
        rule_state(ledger, set->rule).last_write = at;
        for (auto& loan : ledger.loans)
            if (loan.rule == set->rule && std::ranges::binary_search(set->nodes, loan.node))
                loan.confirmed = true;
    } else if (const auto* notify = std::get_if<NotifyJob>(&step.action)) {
        for (auto& loan : ledger.loans) {
            if (loan.rule != notify->rule || loan.node != notify->node || !loan.vacating) continue;
            auto& notices = loan.vacating->notices;
            auto place = std::ranges::lower_bound(notices, notify->job, {}, &Notice::job);
            if (place == notices.end() || place->job != notify->job) notices.insert(place, {notify->job, at});
        }
    } else if (const auto* tell = std::get_if<TellJob>(&step.action)) {
        if (IdleJob* idle = idle_job(ledger, tell->job)) {
            idle->told = tell->told;
            idle->told_at = at;
        }
    } else if (const auto* told = std::get_if<TellUser>(&step.action)) {
        if (IdleJob* idle = idle_job(ledger, told->job)) idle->notified = at;
    } else if (const auto* drain = std::get_if<DrainReplica>(&step.action)) {
        for (KnownReplica& replica : service_state(ledger, drain->service).replicas)
            if (replica.job == drain->job && replica.drain) replica.drain->noticed = at;
    } else if (const auto* ask = std::get_if<AskToSave>(&step.action)) {
        for (Move& move : ledger.consolidation.moves)
            if (move.job == ask->job) move.asked = at;
    } else if (const auto* pin = std::get_if<PinJob>(&step.action)) {
        for (Move& move : ledger.consolidation.moves)
            if (move.job == pin->job) move.pinned = at;
    }
}

void record_refusal(Ledger& ledger, const Step& step, const std::string& error, Time at) {
    if (const auto* hold = std::get_if<HoldNodes>(&step.action)) {
        record_refused_hold(ledger.consolidation, *hold, error, at);
        return;
    }
    record_refusal(ledger.overflow, step.action, error, at);
    const auto* submit = std::get_if<SubmitReplica>(&step.action);
    if (submit == nullptr) return;
    ServiceState& state = service_state(ledger, submit->service);
    std::erase_if(state.attempts, [&](const Attempt& one) { return one.number == submit->number; });
    ++state.failures;
    state.failed = at;
    state.failure = submit->label + " could not be submitted: " + error;
}

std::string to_text(const Action& action) {
    return std::visit(
        Overloaded{
            [](const SetReservation& step) {
                std::string text;
                if (step.create) text = "create reservation " + step.reservation;
                if (!step.added.empty() && !step.create)
                    text += "lend " + joined(step.added) + " to " + step.rule;
                if (!step.removed.empty())
                    text += (text.empty() ? "" : "; ") + ("take " + joined(step.removed)) + " back from " +
                            step.rule;
                return text.empty() ? "mend reservation " + step.reservation : text;
            },
            [](const DeleteReservation& step) { return "delete reservation " + step.reservation; },
            [](const NameReservation& step) {
                if (step.reservation.empty()) return "free job " + step.label + " from its reservation";
                return "let job " + step.label + " use reservation " + step.reservation;
            },
            [](const NotifyJob& step) { return "give job " + step.label + " on " + step.node + " notice"; },
            [](const EndJob& step) {
                return (step.how == Ending::kCancel ? "cancel job " : "requeue job ") + step.label + " on " +
                       step.node;
            },
            [](const TellJob& step) { return "note on job " + step.label; },
            [](const TellUser& step) { return "write to the user of job " + step.label; },
            [](const SubmitReplica& step) { return "start replica " + step.label; },
            [](const DrainReplica& step) { return "give replica " + step.label + " notice"; },
            [](const EndReplica& step) { return "end replica " + step.label; },
            [](const HoldNodes& step) { return "hold " + joined(step.nodes) + " as " + step.reservation; },
            [](const ReleaseNodes& step) { return "release " + step.reservation; },
            [](const AskToSave& step) { return "have job " + step.label + " save and requeue itself"; },
            [](const PinJob& step) { return "start job " + step.label + " on " + joined(step.nodes); },
            [](const UnpinJob& step) { return "free job " + step.label + " from " + step.reservation; },
            [](const Nominate& step) { return "let job " + step.label + " start at " + step.site; },
            [](const TakeBack& step) { return "keep job " + step.label + " from " + step.site; },
            [](const ExtendLimit& step) {
                return "set the time limit of job " + step.label + " to " + to_text(step.limit);
            },
        },
        action);
}

}  // namespace weir
