// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policies/model/ledger.h"
#include "policies/model/overflow_report.h"
#include "policies/model/service.h"
#include "policies/model/signals.h"
#include "policies/model/units.h"

namespace weir {

// Makes the reservation hold exactly `nodes`, creating it where it is missing.
struct SetReservation {
    std::string rule;
    std::string reservation;
    bool create = false;
    std::vector<std::string> nodes;  // sorted names, never empty
    std::vector<std::string> added;  // against what is there now
    std::vector<std::string> removed;

    bool operator==(const SetReservation&) const = default;
};

// Takes away the reservation of a rule that is held home.
struct DeleteReservation {
    std::string rule;
    std::string reservation;

    bool operator==(const DeleteReservation&) const = default;
};

// Makes a job name the reservation, or no longer name any where `reservation` is empty.
struct NameReservation {
    JobId job;
    std::string label;
    std::string rule;
    std::string reservation;
    bool start_now = false;  // also clear the begin time that job_submit_weir set

    bool operator==(const NameReservation&) const = default;
};

// Tells a borrower's job that its node goes home, by the signal that it asked for. One that asked for none
// gets the time and no signal, since most programs end at one: what ends so is not requeued.
struct NotifyJob {
    JobId job;
    std::string label;
    std::string rule;
    std::string node;
    std::optional<NoticeSignal> signal;
    std::string told;  // the step's reason as the job itself is told: of no other job

    bool operator==(const NotifyJob&) const = default;
};

// Ends a borrower's job whose notice has run out, or a job that wastes its GPUs.
struct EndJob {
    JobId job;
    std::string label;
    std::string rule;
    std::string node;
    Ending how = Ending::kRequeue;  // kRequeue or kCancel
    std::string told;               // as in NotifyJob

    bool operator==(const EndJob&) const = default;
};

// Writes into a job's AdminComment what its GPUs do.
struct TellJob {
    JobId job;
    std::string label;
    std::string rule;
    std::string told;

    bool operator==(const TellJob&) const = default;
};

// Writes a line to where the job's own output goes, for its user.
struct TellUser {
    JobId job;
    std::string label;
    std::string rule;
    std::string message;

    bool operator==(const TellUser&) const = default;
};

// Submits a replica as a job of the service's user. It is in the ledger before, as a Attempt.
struct SubmitReplica {
    std::string label;  // and the job's name: "chat-3"
    std::string service;
    int number = 0;

    bool operator==(const SubmitReplica&) const = default;
};

// Tells a replica that takes no more requests to leave, by the signal that it asked for; one that asked for
// none gets the time alone.
struct DrainReplica {
    JobId job;
    std::string label;
    std::string service;
    std::string node;
    std::optional<NoticeSignal> signal;
    std::string told;

    bool operator==(const DrainReplica&) const = default;
};

// Ends a replica, whether it runs or waits.
struct EndReplica {
    JobId job;
    std::string label;
    std::string service;
    std::string told;

    bool operator==(const EndReplica&) const = default;
};

// Keeps what is free on nodes free, by a reservation that runs out by itself once no job has named it for
// `expires`, so that it outlives Weir by no more.
struct HoldNodes {
    std::string reservation;
    std::vector<std::string> nodes;  // sorted
    std::string user;                // whose jobs alone may name it
    Duration expires{};

    bool operator==(const HoldNodes&) const = default;
};

// Takes such a reservation away.
struct ReleaseNodes {
    std::string reservation;

    bool operator==(const ReleaseNodes&) const = default;
};

// Tells a running job to save its work and have itself requeued, by the signal that its user declared.
struct AskToSave {
    JobId job;
    std::string label;
    std::uint32_t restarts = 0;  // asked only if it has not been requeued since
    int signal = 0;
    std::string told;

    bool operator==(const AskToSave&) const = default;
};

// Has a requeued job start on the nodes that are held for it, and soon.
struct PinJob {
    JobId job;
    std::string label;
    std::string reservation;
    std::vector<std::string> nodes;
    std::string told;

    bool operator==(const PinJob&) const = default;
};

// Has a job no longer name the reservation of its move.
struct UnpinJob {
    JobId job;
    std::string label;
    std::string reservation;
    std::string told;  // empty: nothing new

    bool operator==(const UnpinJob&) const = default;
};

// Lets a pending job use a site's partition besides its own. `partitions` is its whole new list, home first.
struct Nominate {
    JobId job;  // of an array: the record that the task is split from
    std::string label;
    std::string site;
    std::string partition;  // the site's
    std::vector<std::string> partitions;
    std::string token;  // "west@INSTALLATION", by which the gateway knows that it was nominated
    std::string rule;   // by which it was
    std::string told;

    bool operator==(const Nominate&) const = default;
};

// Takes a nomination back: the token, and of a pending job the site's partition, too. A job that has started
// there meanwhile is left as it is.
struct TakeBack {
    JobId job;
    std::string label;
    std::string site;
    std::string partition;  // the site's; empty: not known
    std::vector<std::string>
        partitions;                 // its whole list from now on, should it have no other but the site's
    std::optional<Duration> limit;  // its time limit as it was; absent: it was not changed
    std::string told;               // empty: nothing new

    bool operator==(const TakeBack&) const = default;
};

// Gives a job the time back that its copy waited at the site.
struct ExtendLimit {
    JobId job;
    std::string label;
    std::string site;
    Duration limit{};  // the whole one, from its start here
    std::string told;

    bool operator==(const ExtendLimit&) const = default;
};

using Action = std::variant<SetReservation, DeleteReservation, NameReservation, NotifyJob, EndJob, TellJob,
                            TellUser, SubmitReplica, DrainReplica, EndReplica, HoldNodes, ReleaseNodes,
                            AskToSave, PinJob, UnpinJob, Nominate, TakeBack, ExtendLimit>;

// One step and why it is taken, in one sentence that an admin understands.
struct Step {
    Action action;
    std::string why;
    std::vector<JobId> jobs;  // whose affairs `why` tells: hidden from those who may not see these jobs

    bool operator==(const Step&) const = default;
};

// How a rule stands after deciding. Node counts; GPUs where the name says so.
struct RuleReport {
    std::string rule;
    std::string reservation;
    std::vector<std::string> from;
    std::string to;
    int own = 0;
    int lendable = 0;
    int owner_idle = 0;                       // idle nodes of the owner's that could be lent
    int borrower_free_gpus = 0;               // after placing what waits
    int wanted = 0;                           // nodes that demand and spare ask for beyond what stands
    int waiting_jobs = 0;                     // borrower's jobs that wait for capacity
    std::vector<JobId> lacking;               // waiting jobs that no idle node is left for, most urgent first
    std::vector<NodeIndex> lendable_if_idle;  // ascending; only where jobs lack nodes
    int keep_idle = 0;                        // idle nodes that stay with the owner
    std::string held_back;  // why less than wanted is lent now; empty if nothing holds it back
    std::string problem;  // why the rule does nothing at all (a partition is missing ...); empty if it works

    bool operator==(const RuleReport&) const = default;
};

// A job that would be moved.
struct PlannedMove {
    JobId job;
    std::string label;
    std::vector<std::string> from;  // sorted names
    std::vector<std::string> to;
    GpuSeconds price;

    bool operator==(const PlannedMove&) const = default;
};

// Something that moves of jobs would bring about.
struct GoalReport {
    std::string goal;  // as Clearing::goal
    std::string why;   // what is wanted, in one clause
    std::optional<JobId> for_job;
    std::vector<std::string> nodes;  // that come free, sorted
    std::vector<PlannedMove> moves;  // those to come, in order
    GpuSeconds price;                // of these
    GpuSeconds gain;
    bool under_way = false;
    std::string held_back;  // why nothing is begun; empty if it is

    bool operator==(const GoalReport&) const = default;
};

// How consolidation stands.
struct ConsolidationReport {
    std::vector<GoalReport> goals;  // most urgent first
    int movable = 0;                // running jobs that may be moved now
    int checkpointed = 0;           // running jobs that declared a checkpoint
    double fragmented_gpus = 0;     // free GPUs that a job of those here could, on average, not use

    bool operator==(const ConsolidationReport&) const = default;
};

// What shall be done now, in this order, and what shall be remembered. The ledger is written before the first
// step is taken; a reservation that cannot be set ends the plan, a job that cannot be changed is passed over,
// and the next cycle looks anew.
struct Plan {
    std::vector<Step> steps;
    Ledger ledger;
    std::vector<RuleReport> rules;        // in the order of the policy
    std::vector<JobUse> uses;             // of the jobs that a rule on idle GPUs watches, by job
    std::vector<ServiceReport> services;  // in the order of the policy
    ConsolidationReport consolidation;
    OverflowReport overflow;

    bool operator==(const Plan&) const = default;
};

// Marks in the ledger that a step was taken by `at`; called after each one that succeeded. A notice counts
// from when it was given, so one that a crash kept from being recorded is given again rather than lost.
void record(Ledger& ledger, const Step& step, Time at);

// Marks in the ledger that a step was refused, where that is worth remembering: a replica that Slurm would
// not take counts as one that failed to start.
void record_refusal(Ledger& ledger, const Step& step, const std::string& error, Time at);

// "lend t3 t4 to inference", "requeue job 17 on t3": the step without its reason, for people.
std::string to_text(const Action& action);

}  // namespace weir
