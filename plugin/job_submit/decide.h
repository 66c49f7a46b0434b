// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "plugin/job_submit/heartbeat.h"
#include "policies/model/snapshot.h"

namespace weir::job_submit {

// A begin time so far ahead keeps a job from being refused until weirctld, woken, has named its reservation.
inline constexpr Duration kBeginAhead{5};

// A job as it is submitted, before Slurm has looked at it. A component of a heterogeneous job is one of its
// own.
struct Submission {
    std::string partitions;     // as asked for, with the default filled in; empty where it is not known
    std::string reservation;    // that the user names; empty if none
    std::optional<Time> begin;  // not before
    std::uint32_t uid = 0;      // whose job it is
    std::string account;        // empty: the user's default, which is not known here
    Request request;
    std::optional<NoticeSignal> signal;  // sbatch --signal
    Duration signal_ahead{};             // of the time limit
    std::optional<Duration> time_limit;  // that the user asks for
    std::string stays{};                 // why it can run nowhere else; empty: it may
    int cpus_per_task = 1;
    bool immediate = false;   // fails unless it starts at once
    bool batch = false;       // part of a batch job; else of salloc's or srun's
    bool has_script = false;  // of a heterogeneous batch job only the first component has
    enum class Requeue { kYes, kRefusedByUser, kNotByDefault } requeueable = Requeue::kYes;
};

enum class Existence { kUnknown, kNo, kYes };

struct LeaveAlone {
    bool operator==(const LeaveAlone&) const = default;
};
struct NameReservation {
    std::string reservation;

    bool operator==(const NameReservation&) const = default;
};
// Give this begin time, note it in the token, wake weirctld.
struct BeginLater {
    Time begin;

    bool operator==(const BeginLater&) const = default;
};
using Decision = std::variant<LeaveAlone, NameReservation, BeginLater>;

// What job_submit_weir knows of weirctld.
struct Knowledge {
    const Heartbeat* heartbeat = nullptr;  // null: none, or none that can be read
    Time written{};                        // the file's modification time
};

// Whether weirctld was alive a moment ago; there must be a heartbeat.
bool fresh(const Knowledge& knowledge, Time now);

// What to do with a job at its submission. In doubt it is left alone: the overlap of the partitions then
// serves it as stock Slurm does, and the controller's sweep names the reservation if there is one to name.
Decision decide(const Submission& submission, const Knowledge& knowledge, Time now,
                const std::function<Existence(const std::string&)>& reservation_exists);

}  // namespace weir::job_submit
