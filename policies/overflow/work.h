// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policies/model/gpu_type.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"
#include "policies/overflow/accounts.h"
#include "policies/overflow/rooms.h"
#include "policies/overflow/rule.h"

// The stages of one decision on overflow, and what they share.
namespace weir::policies::spill {

constexpr int kNoRule = -1;
constexpr std::size_t kReported = 200;  // comparisons

// A site while it is decided about.
struct SiteWork {
    const Site* site = nullptr;
    const SiteLook* look = nullptr;              // nullptr: never heard of
    const Partition* partition = nullptr;        // nullptr: missing
    std::string problem;                         // why nothing can go there; empty: nothing is in the way
    std::string throttle;                        // why less than fits may go there
    int more = std::numeric_limits<int>::max();  // jobs that may go there yet
    std::vector<std::string> gpu_types;          // of its gateway nodes, sorted
    Rooms there;                                 // free at the site, less what is on its way
    Rooms here;                                  // free on its gateway nodes, likewise
    std::chrono::microseconds latency{};
    std::unordered_multimap<std::string_view, const RemoteRun*> runs;  // that are there now, by label
};

// What a job would take at a site: how that compares, and what is set aside for it.
struct Quote {
    PlaceReport place;
    bool dear = false;      // it is excluded for what it may cost
    bool reckoned = false;  // it may go there, if only for lack of room or money not now
    int gpus = 0;           // that this is reckoned for
    std::vector<VoucherShare> shares;
};

// Everything that the stages share.
struct Work {
    Work(const Snapshot& the_snapshot, const OverflowPolicy& the_policy, const GpuTypeTable& the_types,
         bool is_frozen, Plan& the_plan);

    const Snapshot& snapshot;
    const OverflowPolicy& policy;
    const GpuTypeTable& types;
    const bool frozen;  // facts are settled, nothing is done
    Plan& plan;
    std::vector<SiteWork> sites;  // by name
    Accounts accounts;            // once settle() is through
    std::vector<int> rule_of_partition;
    int nominated = 0;                        // nominations made in this cycle
    std::map<std::string, const Job*> tasks;  // of arrays, by label, that nominations are about
    mutable std::map<std::vector<PartitionIndex>, std::string> home_types;  // the fastest GPUs of partitions

    Overflow& memory() { return plan.ledger.overflow; }
    const Overflow& memory() const { return plan.ledger.overflow; }
    OverflowReport& report() { return plan.overflow; }
    SiteWork* site(const std::string& name);
    const SiteWork* site(const std::string& name) const;
    const OverflowRule* rule(const std::string& name) const;
    // The rule that covers all the partitions that a job has at home; nullptr if none does.
    const OverflowRule* rule_of(const Job& job) const;
    // A job's partitions without those of sites.
    std::vector<std::string> home_of(const Job& job) const;
    // The fastest type of GPU that a job might get at home.
    const std::string& home_type(const Job& job) const;
    // The job of a nomination: its own record or, of a task that waits with its array, the array's. nullptr
    // if Slurm has neither.
    const Job* job_of(const Nomination& nomination) const;
    void step(const Job& job, Action action, std::string why);
};

// Whether a rule changes anything, rather than only say what it would do.
bool acts(const OverflowRule& rule);

OverflowWish wish_of(const OverflowRule& rule, const Job& job);

// Why a pending job cannot run anywhere but at home, whatever the site, as a clause on it; empty if it can.
std::string why_not(const Job& job);

// Why a site does not take a job, leaving room and money aside, as a clause; empty if it does.
std::string why_not_there(const SiteWork& there, const OverflowRule& rule, const Job& job);

// A pending job that may overflow.
struct Candidate {
    const Job* job;
    const OverflowRule* rule;
    bool may_go;  // some site takes it, leaving room and money aside
};

// Those that are looked at in this cycle, by turn: the most urgent ones, and those that can go nowhere last.
std::vector<Candidate> candidates(Work& work);

// The type of GPU that a job gets at a site, and all that it takes there; a job may name none, a site's
// gateway has one then. Empty: the site takes no such job.
const std::string& type_there(const SiteWork& there, const Job& job);
Ask ask_there(const SiteWork& there, const Job& job);

// How one compares now, without more ado while the work is frozen.
Comparison compare(Work& work, const Candidate& candidate);

// What it takes at home, and at a site, where `place.excluded` tells whether it may go there at all.
PlaceReport home_place(const Work& work, const OverflowRule& rule, const Job& job,
                       const std::optional<Time>& forecast);
Quote quote(const Work& work, const SiteWork& there, const OverflowRule& rule, const Job& job);

// The most that a job can cost at a site, if it starts within the time that it may wait there, uses all of
// its time limit and what the site lets it run beyond, and brings back so much.
struct Worst {
    std::vector<VoucherShare> shares;
    Money money;  // beyond them
};
Worst worst_of(const Work& work, const SiteWork& there, const std::string& gpu_type, Gpus gpus,
               const Job& job, Bytes egress);

// Against whose budget a run counts that nothing is remembered of; nullptr: no rule sends jobs there.
const OverflowRule* rule_for(const Work& work, const Site& site);

// Of a type of GPU, for training, relative to the first type of weir.yaml.
double training_speed(const GpuTypeTable& types, const std::string& type);

// Why no more jobs may go to a site whose `more` is 0.
std::string why_full(const SiteWork& there);

// How long a job's files take on their way there.
Duration stage_in(const SiteWork& there, const Job& job);

// The run of a nomination at its site, unless it is over or being taken back.
const RemoteRun* live_run(const Work& work, const Nomination& nomination);

// Whether a nomination is of a job's present wait, rather than of a run that has begun or ended.
bool waits(const Nomination& nomination, const Job& job);

// "12.50 USD"
std::string priced(const Work& work, Money money);

// The first tasks of a label, "17_[5-9,12]", "17_[0-8:2]" or "17_5", at most so
// many.
std::vector<int> first_tasks(const std::string& label, std::size_t most);

// Why a nomination no longer holds, and how long its job is then left alone. `told` is what everybody may
// read of it: without prices.
struct Reason {
    std::string why;
    std::string told;
    Duration rest{};
};

// Takes a job's nomination back.
void take_back(Work& work, const Nomination& nomination, const Job& job, const Reason& reason);

Nominate nominate_step(const Work& work, const Nomination& nomination, const Job& job);

// The stages, in the order in which overflow() calls them.
void settle(Work& work);      // what has ended, and what has become of nominated jobs
void make_up(Work& work);     // runs that take more than was set aside for them
void take_up(Work& work);     // runs that nothing is remembered of
void open_sites(Work& work);  // whether and how much they take
void review(Work& work);      // nominations that stand: kept or taken back
void nominate(Work& work);    // new ones
void extend(Work& work);      // time limits
void tidy(Work& work);        // traces in jobs that nothing explains
void write_report(Work& work);

}  // namespace weir::policies::spill
