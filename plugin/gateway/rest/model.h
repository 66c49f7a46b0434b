// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "policies/model/snapshot.h"
#include "policies/model/units.h"

namespace weir::rest {

// What a request came to, where not to what was asked.
enum class Trouble {
    kUnreachable,   // the site has surely not seen it
    kUnsure,        // the site may have acted on it
    kUnauthorized,  // it does not accept the user, the token or the user's right to this
    kRefused,       // it said no and did nothing; also where it has no such address
    kGarbage,       // its answer is not what the API says; of a submission this is as unsure as kUnsure
    kNotFound,      // there is no such job
};

const char* to_text(Trouble trouble);

struct Failure {
    Trouble trouble = Trouble::kGarbage;
    std::string message;         // never holds the token
    int slurm_errno = 0;         // as the site gave it; 0: none
    bool perhaps_token = false;  // it answered, and nothing tells whether it takes the token

    bool operator==(const Failure&) const = default;
};

template <class T>
using Answered = tl::expected<T, Failure>;

inline tl::unexpected<Failure> failed(Trouble trouble, std::string message, int slurm_errno = 0) {
    return tl::make_unexpected(Failure{trouble, std::move(message), slurm_errno, false});
}

// A version of Slurm's REST API: 38 is v0.0.38.
struct Version {
    int number = 0;

    friend constexpr auto operator<=>(Version, Version) = default;
    std::string text() const;  // "v0.0.38"
};

constexpr Version kOldest{36};  // of Slurm 22.05
constexpr Version kNewest{45};  // of Slurm 26.05

// Who asks.
struct Credentials {
    std::string user;
    std::string token;

    bool operator==(const Credentials&) const = default;
};

// A batch job to be submitted. What is empty or 0 is left to the site, where not said otherwise.
struct Submission {
    std::string name;
    std::string script;
    std::string working_directory;
    std::string standard_output;
    std::string standard_error;                      // empty: into standard_output
    std::map<std::string, std::string> environment;  // never empty: the site refuses that
    std::string partition, account, qos, comment, dependency;
    int nodes = 1;
    int tasks = 1;
    int cpus_per_task = 1;
    int tasks_per_node = 0;
    std::int64_t memory_per_node = 0;  // MiB
    std::int64_t memory_per_cpu = 0;   // MiB; one of the two at most
    std::string gpu_type;
    int gpus_per_node = 0;
    Duration time_limit{};  // whole minutes, rounded up
    std::string signal;     // as sbatch --signal: "B:USR1@60"
    bool requeue = false;
    bool exclusive = false;

    bool operator==(const Submission&) const = default;
};

// A job's base state. A job that is requeued is pending again.
enum class State {
    kPending,
    kRunning,
    kSuspended,
    kCompleting,  // it has ended, and its nodes are being cleaned up
    kCompleted,
    kFailed,
    kCancelled,
    kTimeout,
    kNodeFail,
    kOutOfMemory,
    kPreempted,
    kDeadline,
    kBootFail,
    kUnknown,  // a word that this program does not know
};

const char* to_text(State state);  // Slurm's word

// Whether it will not run again and what it came to is known.
bool ended(State state);

struct Job {
    std::uint32_t id = 0;
    std::string name;
    std::string user;
    State state = State::kUnknown;
    std::string reason;  // why it waits or how it ended, Slurm's word: "Resources"; empty: none
    std::string comment;
    std::optional<Time> submitted;
    std::optional<Time> started;
    std::optional<Time> ended;           // of a job that has ended
    std::optional<Time> expected_start;  // of a pending job: Slurm's forecast
    int exit_code = 0;                   // of a job that has ended: 0 to 255
    int signal = 0;                      // that killed it; 0: none
    std::string nodes;                   // Slurm's list: "w[1-2]"

    bool operator==(const Job&) const = default;
};

// What the cheap poll tells.
struct JobState {
    std::uint32_t id = 0;
    State state = State::kUnknown;

    bool operator==(const JobState&) const = default;
};

// A node of the site. Memory in MiB.
struct Node {
    std::string name;
    bool usable =
        false;  // takes jobs now, as far as it has room: not down, draining, reserved or powered off
    int cpus = 0;
    int cpus_used = 0;
    std::int64_t memory = 0;
    std::int64_t memory_used = 0;
    std::vector<GpuPool> gpus;            // by type
    std::vector<std::string> partitions;  // sorted

    bool operator==(const Node&) const = default;
};

struct Ping {
    std::string slurm;                // "22.05.8"; empty where the site does not say
    bool controller_answers = false;  // a slurmctld answered slurmrestd, and accepted the token

    bool operator==(const Ping&) const = default;
};

}  // namespace weir::rest
