// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policies/model/money.h"
#include "policies/model/units.h"

namespace weir {

enum class OverflowWish { kNever, kAllow, kPrefer };

// What a job's user said of running elsewhere. What was not said is absent or empty.
struct OverflowRequest {
    std::optional<OverflowWish> wish;
    std::vector<std::string> sites;                    // these alone; empty: any
    std::optional<Money> max_cost;                     // in money, vouchers aside
    std::optional<std::chrono::milliseconds> latency;  // at most so far away
    std::optional<Bytes> stage_in;                     // size of what it stages, measured at its submission

    bool operator==(const OverflowRequest&) const = default;
};

// Nodes of one make that are free, or partly so, at a site now. Memory in MiB.
struct SiteRoom {
    int nodes = 0;
    int cpus = 0;  // free on each
    std::int64_t memory = 0;
    std::string gpu_type;
    int gpus = 0;

    bool operator==(const SiteRoom&) const = default;
};

// How far a job's copy at a site is.
enum class RunStage {
    kStaging,     // its files are on the way there
    kSubmitting,  // the site is being asked to take it
    kWaiting,     // it is pending there
    kRunning,
    kFetching,     // it has ended; output and files are on the way back
    kWithdrawing,  // it is being taken back from the site
    kUnknown,      // a word of another version of the gateway
    kFinished,
};

const char* to_text(RunStage stage);

// One local job at a site, as its gateway tells.
struct RemoteRun {
    std::uint64_t sequence = 0;  // of finished ones: numbered by the gateway in the order in which they ended
    JobId job;
    Time submitted{};  // of the local job: a job id may be given out again
    std::string label;
    std::string user;
    std::uint32_t restarts = 0;
    RunStage stage = RunStage::kStaging;
    std::uint32_t remote_id = 0;  // 0: not known yet
    std::string remote_user;
    std::optional<Time> asked;    // first submitted there
    std::optional<Time> started;  // there
    std::optional<Time> ended;
    int gpus = 0;
    std::string gpu_type;
    Bytes brought;           // of output and files that came back from there
    std::string account;     // of the local job; empty: not told
    bool withdrawn = false;  // it was taken back: by the gateway or with its local job
    std::string said;        // what its user was last told of it

    bool operator==(const RemoteRun&) const = default;
};

// A site as its gateway last saw it.
struct SiteLook {
    std::string site;
    bool gateway_answers = false;
    Time heard{};            // when the gateway last answered
    bool reachable = false;  // the site answered the gateway when it last asked
    std::string problem;     // of gateway or site; empty: none
    Time at{};               // when the site last answered
    std::chrono::microseconds round_trip{};
    std::string api;  // "v0.0.38", slurm 22.05.8
    std::vector<SiteRoom> rooms;
    std::int64_t bytes_per_second = 0;  // of files lately; 0: not known
    int failures = 0;                   // submissions that failed lately
    Duration typical_wait{};            // of sent jobs lately, until they started there
    std::string ledger;                 // its gateway's, which numbers finished runs; empty: not told
    std::vector<RemoteRun> runs;        // there now, by job
    std::vector<RemoteRun> finished;    // that the ledger has not settled yet, by sequence
    bool more = false;                  // there may be further ones, which are told once these are settled

    bool operator==(const SiteLook&) const = default;
};

// GPU-seconds of a voucher set aside for a job, or used.
struct VoucherShare {
    std::string voucher;
    GpuSeconds amount;

    bool operator==(const VoucherShare&) const = default;
};

// A pending job that may use a site's partition besides its own, or one that has started there.
struct Nomination {
    JobId job;
    Time submitted{};
    std::string label;
    std::string user;
    std::string site;
    std::string partition;          // the site's
    std::vector<std::string> home;  // the partitions that it had before
    std::string budget;             // name of the overflow rule whose budget it counts against
    Time since{};
    std::uint32_t restarts = 0;          // the job's restart count then
    Duration limit{};                    // its time limit then
    std::optional<Time> home_start;      // Slurm's forecast then, of its start at home
    int gpus = 0;                        // that this is reckoned for
    Money worst;                         // set aside: what it costs at most beyond vouchers
    Bytes egress;                        // that is counted in there
    std::vector<VoucherShare> vouchers;  // set aside
    std::string why;
    bool confirmed = false;                     // Slurm has the list; before, the write may not have happened
    std::optional<std::uint32_t> started_with;  // its restart count when it was seen running at the site
    bool extended = false;                      // its time limit was, by the time that its copy waited
    bool settled = false;      // what its run cost is in the sums, and nothing is set aside any more
    bool back = false;         // taken back; what is set aside waits for what its run has cost
    std::optional<Time> gone;  // since when Slurm does not know the job

    bool operator==(const Nomination&) const = default;
};

// Since when a site has been better than home for a job, or for the tasks of an array.
struct Leaning {
    JobId job;
    std::string site;
    Time since{};

    bool operator==(const Leaning&) const = default;
};

// A job that no site is considered for until then.
struct JobRest {
    JobId job;
    std::string label;
    Time until{};
    std::string why;

    bool operator==(const JobRest&) const = default;
};

// GPU-seconds of a voucher that settled runs have used.
struct VoucherUse {
    std::string site;
    std::string voucher;
    GpuSeconds used;

    bool operator==(const VoucherUse&) const = default;
};

// What was spent against a budget in one period of it.
struct Spending {
    std::string budget;  // the overflow rule's name
    std::string site;
    std::int64_t day = 0;  // local days since 1970
    Money spent;
    GpuSeconds work;

    bool operator==(const Spending&) const = default;
};

// How far a site's runs are settled, as one ledger of a gateway numbers them: a site may come to have another
// gateway, and a gateway another ledger.
struct Settled {
    std::string site;
    std::uint64_t sequence = 0;  // finished runs up to this one are in the sums
    std::string ledger;          // empty: not known, it may be any

    bool operator==(const Settled&) const = default;
};

// What overflow remembers. Nominations and rests by (job, label), leanings by (job, site), the rest by name
// and day.
struct Overflow {
    std::string installation;  // says at a site which copies are ours; made once, 16 hex digits
    std::vector<Nomination> nominations;
    std::vector<Leaning> leanings;
    std::vector<JobRest> rests;
    std::vector<VoucherUse> vouchers;
    std::vector<Spending> spendings;
    std::vector<Settled> settled;

    bool operator==(const Overflow&) const = default;
};

// How far a site's runs are settled by that ledger; 0: not at all. By an empty one: by whichever is the least
// far.
std::uint64_t settled_sequence(const std::vector<Settled>& settled, const std::string& site,
                               const std::string& ledger);

// What is remembered of a job's nomination; nullptr if nothing is. A task of an array has its array's id
// until Slurm has split it off.
Nomination* find_nomination(Overflow& overflow, JobId job, const std::string& label);
const Nomination* find_nomination(const Overflow& overflow, JobId job, const std::string& label);

// Adds a nomination, or replaces that of the same job.
void set_nomination(Overflow& overflow, Nomination nomination);
void drop_nomination(Overflow& overflow, JobId job, const std::string& label);

// Until when a job is left alone; nullptr: it is not.
const JobRest* find_rest(const Overflow& overflow, JobId job, const std::string& label);

// Leaves a job alone until then.
void set_rest(Overflow& overflow, JobRest rest);

}  // namespace weir
