// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/model/gpu_pairs.h"
#include "policies/model/gpu_use.h"
#include "policies/model/ledger.h"
#include "policies/model/remote.h"
#include "policies/model/service.h"
#include "policies/model/signals.h"
#include "policies/model/units.h"

namespace weir {

// GPUs of one type on one node. `type` is empty where gres.conf names none.
struct GpuPool {
    std::string type;
    int total = 0;
    int used = 0;

    bool operator==(const GpuPool&) const = default;
};

enum class NodeState {
    kUp,           // takes jobs: idle, mixed or allocated
    kPoweredDown,  // Slurm's power saving will wake it for a job
    kPoweringUp,   // being woken; jobs may be placed on it already
    kDraining,     // DRAIN, FAIL, maintenance, reboot asked for: takes no new job
    kUnknown,  // silent, or not heard of since slurmctld started: nothing new goes there, nothing is taken
               // away
    kDown,     // DOWN, future, powering down
};

// One node as Slurm sees it. Memory in MiB. `used` is what running and completing jobs hold.
struct Node {
    std::string name;
    NodeState state = NodeState::kUp;
    int cpus = 0;
    int cpus_used = 0;
    std::int64_t memory = 0;
    std::int64_t memory_used = 0;
    std::vector<GpuPool> gpus;          // by type
    std::vector<std::string> features;  // active ones, sorted
    std::uint32_t weight = 1;
    std::string block;          // block or leaf switch of Slurm's topology; empty: none configured
    std::string nvlink_domain;  // of NVLinks that span nodes, as GPU telemetry tells; empty if none
    GpuPairs pairs;             // how near its GPUs are to each other, as GPU telemetry tells
    std::string reservation;    // a reservation that is not Weir's and covers it now or soon; empty if none
    bool planned = false;       // backfill has planned it for a waiting job
    bool completing = false;    // a job that has ended is still being cleaned up
    std::uint32_t jobs = 0;     // running and completing jobs on it
    bool gateway = false;       // stands for a node of a remote site; what runs here is a copy's local end

    bool operator==(const Node&) const = default;
};

struct Partition {
    std::string name;
    bool up = true;
    std::vector<NodeIndex> nodes;  // ascending
    std::string site;              // whose gateway nodes it holds; empty: none
    // Whom and what it takes. Told of gateways' partitions alone.
    std::vector<std::string> allow_accounts;  // empty: all
    std::vector<std::string> deny_accounts;
    std::vector<std::string> allow_qos;  // empty: all
    std::vector<std::string> deny_qos;
    std::vector<std::string> kept_out;  // users of the site that are in none of its groups, sorted
    Duration max_time{};                // zero: unlimited
    int max_nodes = 0;                  // of a job; 0: unlimited

    bool operator==(const Partition&) const = default;
};

// What a job asks for. Slurm's many ways of asking are folded into a need per node and a need in all;
// a field that does not apply is 0. Memory in MiB.
struct Request {
    int nodes_min = 1;
    int nodes_max = 1;      // 0: as many as it takes
    int tasks = 1;          // of which each is on one node
    int cpus_per_node = 0;  // on every node of the job
    int gpus_per_node = 0;  // on every node of the job
    std::int64_t memory_per_node = 0;
    int cpus_total = 0;  // over all its nodes
    int gpus_total = 0;  // over all its nodes
    std::int64_t memory_per_cpu = 0;
    std::string gpu_type;                     // empty: any
    bool one_block = false;                   // all its nodes in one block or under one switch
    bool exclusive = false;                   // whole nodes only
    std::vector<std::string> features;        // all of them
    std::vector<std::string> nodes_required;  // names, sorted
    std::vector<std::string> nodes_excluded;  // names, sorted
    // Set where the request says something this model cannot express (feature alternatives, several GPU
    // types, other GRES, licences of a node ...): nothing is moved on its behalf, and `weir explain` says
    // this sentence.
    std::string beyond_model;

    bool operator==(const Request&) const = default;
};

enum class JobState {
    kPending,
    kRunning,     // suspended ones too: they keep their GPUs
    kCompleting,  // ended, still holds its nodes
};

// Why a pending job waits, as far as Weir cares.
enum class WaitsFor {
    kResources,  // Resources, Priority, None, ReqNodeNotAvail, Reservation: capacity would help
    kBeginTime,
    kOther,  // dependency, limits, licences, held: capacity would not help
};

struct Job {
    JobId id;
    std::string label;  // what Slurm's commands take and print: "17", "17_4", "17_[5-9]"
    std::string user;
    std::uint32_t uid = 0;
    std::string account;
    std::string qos;
    std::vector<PartitionIndex> partitions;  // pending: all it may use; else the one it runs in
    JobState state = JobState::kPending;
    WaitsFor waits_for = WaitsFor::kOther;
    std::string reason;  // Slurm's own word, e.g. "Resources"
    std::uint32_t priority = 0;
    int count = 1;        // pending array: tasks that may still start, its own %limit counted in
    int array_limit = 0;  // pending array: its %limit, of tasks that run at a time; 0: none
    bool batch = true;    // else interactive: salloc or srun
    bool suspended = false;
    bool heterogeneous = false;  // one component of several
    bool requeueable = false;
    bool held = false;                     // by its user or an administrator
    std::uint32_t restarts = 0;            // how often it was requeued
    std::optional<NoticeSignal> notice;    // that it asked for
    std::optional<Checkpoint> checkpoint;  // that its user declared
    std::string reservation;               // that it names; empty if none
    Time submitted{};
    std::optional<Time> eligible;        // since when nothing but capacity keeps it waiting; absent: not yet
    std::optional<Time> expected_start;  // backfill's forecast of a pending job
    std::optional<Time> started;
    std::optional<Time> begin_set_by_weir;  // the begin time that job_submit_weir gave it
    std::optional<Time> begin;              // begin time, if in the future
    std::string admin_comment;              // where it holds that begin time; else empty
    std::string told;       // what Weir last wrote into its AdminComment of what it did, and why
    Duration time_limit{};  // zero: unlimited
    // Slurm saw no node in its reservation that suits it and gave it up, until it is updated again.
    bool given_up = false;
    std::optional<Replica> replica;  // of a service, if it is one
    bool refused = false;            // Slurm has lately refused to let it name Weir's reservation
    OverflowRequest overflow;        // what its user said of running elsewhere
    std::string nominated;         // the site in its AdminComment, set there by this installation; else empty
    bool licences = false;         // it asks for some
    Gpus gpus;                     // running: held in all
    int cpus = 0;                  // as `gpus`
    std::int64_t memory = 0;       // as `gpus`, in MiB
    std::string gpu_type;          // as `gpus`; empty: of none that is named, or of several
    std::vector<NodeIndex> nodes;  // running and completing: where; ascending
    Request request;               // pending; running: where a checkpoint was declared

    bool operator==(const Job&) const = default;
};

struct Reservation {
    std::string name;
    std::vector<std::string> nodes;  // names, sorted
    bool as_weir_makes_it = true;  // flags and duration are those of section "Reservation" in plugin/actuate

    bool operator==(const Reservation&) const = default;
};

// The world at one instant, and what Weir remembers of it: all that a decision may depend on.
// Nodes and partitions are sorted by name, jobs by id, reservations (Weir's own only) by name.
struct Snapshot {
    Time at{};  // the only clock
    std::vector<Node> nodes;
    std::vector<Partition> partitions;
    std::vector<Job> jobs;
    std::vector<Reservation> reservations;
    std::vector<GpuUse> gpu_uses;       // by (job, node, index); empty where no telemetry is configured
    std::vector<Duration> gpu_windows;  // ascending
    std::vector<EndedReplica> ended;    // by job
    std::vector<ServiceLook> services;  // by service
    std::vector<SiteLook> sites;        // by site
    Duration sample_period{};           // how often GPUs are looked at; zero: never
    Duration utc_offset{};              // of the local time
    Duration backfill_cycle{};          // how long backfill's last cycle took, rounded up (sdiag)
    Ledger ledger;

    // Position of the node or partition of that name; absent if there is none. O(log n).
    std::optional<NodeIndex> node(const std::string& name) const;
    std::optional<PartitionIndex> partition(const std::string& name) const;
    const Job* job(JobId id) const;
    const Reservation* reservation(const std::string& name) const;
    const SiteLook* site(const std::string& name) const;

    bool operator==(const Snapshot&) const = default;
};

// The site whose gateway a running or completing job occupies; empty for one that runs at home, or is
// pending.
const std::string& site_of(const Snapshot& snapshot, const Job& job);

// Whether the nodes that a clearing keeps for a lending rule are empty, so that it can take them.
bool ready_to_lend(const Snapshot& snapshot, const Clearing& clearing);

}  // namespace weir
