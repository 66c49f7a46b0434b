// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/model/gpu_use.h"
#include "policies/model/move.h"
#include "policies/model/remote.h"
#include "policies/model/service.h"
#include "policies/model/units.h"

namespace weir {

// What becomes of a borrower's job when its notice has run out.
enum class Ending { kRequeue, kLeave, kCancel };

// A borrower's job that was told to leave a node, and when.
struct Notice {
    JobId job;
    Time at{};

    bool operator==(const Notice&) const = default;
};

// The way home of a lent node: out of the reservation first, then its borrower's jobs get notice, time, and
// `then`.
struct Vacating {
    Time since{};
    std::string why;               // one sentence
    std::optional<JobId> for_job;  // the owner's job that wants the node, where there is one
    bool stops_jobs = true;        // false: jobs on it run to their end
    std::vector<Notice> notices;   // given so far, by job

    bool operator==(const Vacating&) const = default;
};

// A node of the owner that stands in the borrower's reservation, or is on its way out.
struct Loan {
    std::string rule;
    std::string node;
    std::string from;  // the owner's partition
    Time since{};
    std::string why;
    std::optional<JobId> for_job;  // the borrower's job that it was lent for, where there is one
    bool confirmed = false;        // known to be in the reservation; before, the write may not have happened
    std::optional<Time> unused_since;  // no job on it since; absent while used
    std::optional<Vacating> vacating;

    bool operator==(const Loan&) const = default;
};

// A running job that wastes GPUs or has done so.
struct IdleJob {
    JobId job;
    Time started{};                  // a job that was requeued is another one
    std::vector<GpuVerdict> spells;  // GPUs wasted now, by (node, index); without evidence
    GpuSeconds before;               // wasted in spells that have ended
    std::optional<Time> all_since;   // since when all its GPUs are known to be wasted
    std::optional<Time> notified;    // its user was, in the present spell of all GPUs
    std::string told;                // what its AdminComment was last made to say of its GPUs
    std::optional<Time> told_at;

    bool operator==(const IdleJob&) const = default;
};

// What is remembered of a rule beyond its loans.
struct RuleState {
    std::string rule;
    Duration backoff{};              // of the last flip
    std::optional<Time> last_flip;   // a lent node was reclaimed
    std::optional<Time> lend_after;  // no new loan before
    std::optional<Time> last_write;  // of its reservation
    bool held_home = false;          // `weir return`: loans come home and stay until `weir resume`

    bool operator==(const RuleState&) const = default;
};

// What Slurm cannot hold. Loans are sorted by (rule, node), rules and services by name, idle jobs by id.
struct Ledger {
    std::vector<Loan> loans;
    std::vector<RuleState> rules;
    std::vector<IdleJob> idle;
    std::vector<ServiceState> services;
    Consolidation consolidation;
    Overflow overflow;
    bool paused = false;  // `weir pause`: plan, explain, change nothing
    std::string paused_by;

    bool operator==(const Ledger&) const = default;
};

// What is remembered of a rule; a blank one is added where there is none.
RuleState& rule_state(Ledger& ledger, const std::string& rule);

// What is remembered of a service; a blank one is added where there is none.
ServiceState& service_state(Ledger& ledger, const std::string& service);

// What is remembered of a job's idle GPUs; nullptr if nothing is.
IdleJob* idle_job(Ledger& ledger, JobId job);
const IdleJob* idle_job(const Ledger& ledger, JobId job);

bool held_home(const Ledger& ledger, const std::string& rule);

// Nodes of a rule that stand in its reservation, and those on their way home.
struct LoanCounts {
    int lent = 0;
    int vacating = 0;
};
LoanCounts count_loans(const Ledger& ledger, const std::string& rule);

}  // namespace weir
