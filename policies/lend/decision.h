// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/lend/fit.h"
#include "policies/lend/territory.h"
#include "policies/model/plan.h"

namespace weir::policies {

// A loan while it is decided about.
struct Standing {
    Loan loan;
    NodeIndex node = 0;
    bool held = false;                  // in the reservation now
    std::vector<const Job*> borrowers;  // running and completing jobs of the borrower on it, by id
    std::uint32_t others = 0;           // further jobs on it

    bool empty() const { return borrowers.empty() && others == 0; }
};

// Why a node enters or leaves a reservation, and whose affairs that tells.
struct Reason {
    std::string text;
    std::vector<JobId> jobs;
};

// A pending job that only capacity keeps waiting. Small, so that a hundred thousand of them are soon gone
// through.
struct Waiting {
    std::uint32_t priority = 0;
    ShapeId shape = 0;
    int count = 1;
    const Job* job = nullptr;
};

// One rule while it is decided about.
struct RuleWork {
    Territory land;
    const Reservation* reservation = nullptr;  // as it is; nullptr if missing
    NodeFlags held;                            // its nodes now
    std::vector<Standing> loans;               // by node
    RuleState state;
    bool urgent = false;                    // its reservation is written in this cycle whatever the spacing
    std::map<std::string, Reason> reasons;  // of changes that no loan explains, by node
    RuleReport report;
    std::vector<const Job*> pending;  // the borrower's, of those who may enter the reservation; by id
    std::vector<Waiting> waiting;     // those of them that more nodes would help; by id

    const LendRule& rule() const { return *land.rule; }
    bool works() const { return land.problem.empty(); }
    bool vacating_soon(NodeIndex node) const;
};

// Sentences about one job, gathered while deciding.
struct Watch {
    JobId job;
    std::vector<std::string> said;
};

// Everything that the stages of one decision share.
struct Decision {
    Decision(const Snapshot& snapshot, const std::vector<LendRule>& rules, Watch* watch);

    const Snapshot& snapshot;
    std::vector<RuleWork> rules;
    Shapes shapes;
    std::vector<int> borrower_of;  // by partition: the rule whose `to` it is, or -1
    NodeFlags in_weirs;            // nodes in a reservation of Weir's now
    NodeFlags newly_lent;          // nodes that this decision lends
    std::vector<std::pair<NodeIndex, const Job*>>
        on_loans;                         // running and completing jobs on nodes that are or may be lent
    std::vector<Waiting> owners_waiting;  // jobs of owners that only capacity keeps waiting, by id
    NodeFlags claimed;       // nodes that waiting jobs of an owner are about to use or could get by a reclaim
    Watch* watch = nullptr;  // may be nullptr

    // Whether a borrower's job, running or completing, counts as this rule's.
    bool borrows(const RuleWork& work, const Job& job) const;
    // The rule whose partition is the only one that a job may use, or -1.
    int borrower_rule(const Job& job) const;
    // Whether new jobs may be placed on a node.
    bool takes_jobs(NodeIndex node) const;
    // Whether a node stands idle with its owner.
    bool idle_at_home(NodeIndex node) const;
    // Whether the rule's reservation may be written in this cycle.
    bool may_write(const RuleWork& work) const;
    // Whether the rule's own is the job, and it waits for what lending can give.
    bool wants_lending(const RuleWork& work, const Job& job) const;
    void say(const Job& job, std::string_view sentence) const;
    bool watches(const Job& job) const { return watch != nullptr && watch->job == job.id; }

  private:
    void sort_out_jobs();
};

// Remembers that the owner wanted back at `at` what was lent at `lent`, so that lending waits the longer the
// more often that happens.
void flip(RuleWork& work, Time at, Time lent);

// A loan leaves the reservation with the next write.
void send_home(Standing& standing, Time at, std::string why, std::optional<JobId> for_job, bool stops_jobs);

// The stages, in the order in which lend() calls them.
void reconcile(Decision& decision, RuleWork& work);     // the ledger with what is
void reclaim(Decision& decision);                       // for owners' waiting jobs; says what they will use
void restore_idle(Decision& decision, RuleWork& work);  // keep_idle
void serve_demand(Decision& decision, RuleWork& work);  // new loans, and surplus ones home; fills the report
void vacate(const Decision& decision, const RuleWork& work, std::vector<Step>& notices,
            std::vector<Step>& ends);
std::optional<Step> write_reservation(const Decision& decision, RuleWork& work);
std::vector<Step> sweep(Decision& decision, const std::vector<char>& reservation_stands);
std::vector<Step> leave(const Decision& decision);  // of rules held home, once nothing is lent

// How a borrower's job is told to leave, and how long it then has: what it asked for, within the rule's
// notice. A job that declared a checkpoint, and no notice of its own, is told to save.
struct Leave {
    std::optional<NoticeSignal> signal;
    Duration time{};
};
Leave leave_of(const Job& job, const Reclaim& terms);

// Whether a rule's `users` and `accounts` let a job in, as far as they tell: who is in `groups` only Slurm
// knows.
bool may_enter(const LendRule& rule, const Job& job);

// Runs them all.
Plan decide(Decision& decision);

}  // namespace weir::policies
