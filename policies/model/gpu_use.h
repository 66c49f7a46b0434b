// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/model/units.h"

namespace weir {

// What was seen of a GPU over the last `length`. Utilisation in percent of time in which a kernel ran, as
// NVML defines it. What not every sample told is absent.
struct GpuWindow {
    Duration length{};
    int covered = 0;  // percent of that time that samples stand for
    std::optional<int> utilisation_min;
    std::optional<int> utilisation_max;
    std::optional<Watts> power_max;
    std::optional<int> processes_max;

    bool operator==(const GpuWindow&) const = default;
};

// A GPU that a running job holds, and what is known of its work.
struct GpuUse {
    JobId job;
    NodeIndex node = 0;
    int index = 0;      // Slurm's IDX on the node
    std::string type;   // of Slurm's GRES; empty where gres.conf names none
    std::string model;  // as the driver names it; empty if not known
    std::optional<Watts> power_limit;
    std::optional<Time> sampled;     // when last
    std::string contradiction;       // a sentence, where telemetry and Slurm do not go together; else empty
    GpuWindow since_start;           // of the job, or since it is watched
    std::vector<GpuWindow> windows;  // one for each of Snapshot::gpu_windows

    bool operator==(const GpuUse&) const = default;
};

// What a GPU does for the job that holds it.
enum class Verdict {
    kBusy,
    kStarting,  // too early to tell
    kUnknown,   // samples are missing, old or contradictory
    kIdle,      // a process, no work
    kEmpty,     // not even a process
    kHung,      // "utilised" without drawing power
};

constexpr bool is_waste(Verdict verdict) {
    return verdict >= Verdict::kIdle;
}

// "busy", "idle" ...
const char* to_text(Verdict verdict);

// A verdict, since when it holds, and what it rests on in one clause.
struct GpuVerdict {
    std::string node;
    int index = 0;
    Verdict verdict = Verdict::kUnknown;
    Time since{};
    std::string evidence;

    bool operator==(const GpuVerdict&) const = default;
};

// A job that a rule on idle GPUs watches.
struct JobUse {
    JobId job;
    std::string rule;
    std::vector<GpuVerdict> gpus;  // by (node, index)
    GpuSeconds wasted;             // since it started, or since it is watched

    // How many of its GPUs are wasted now.
    int wasting() const;

    bool operator==(const JobUse&) const = default;
};

}  // namespace weir
