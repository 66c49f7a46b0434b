// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/model/gpu_type.h"
#include "policies/model/mode.h"
#include "policies/model/units.h"

namespace weir::policies {

// What is done about a job, so long after the verdict that all its GPUs are wasted; kAnnotate at once, and of
// any GPU.
struct Rung {
    enum class Do { kAnnotate, kNotify, kRequeue, kCancel };
    Do what = Do::kAnnotate;
    Duration after{};

    bool operator==(const Rung&) const = default;
};

// Jobs that a rule leaves alone.
struct Exempt {
    std::vector<std::string> users;
    std::vector<std::string> accounts;
    std::vector<std::string> qos;
    std::vector<std::string> partitions;
    bool interactive = false;  // those of salloc and srun

    bool operator==(const Exempt&) const = default;
};

// One entry of `idle:` in weir.yaml. The first rule that names a job's partition watches it. Percentages.
struct IdleRule {
    std::string name;
    std::vector<std::string> partitions;         // empty: every one that no lending rule serves
    std::optional<Mode> mode;                    // absent: as the file says
    Duration grace = std::chrono::minutes(10);   // after its start a job is left in peace
    Duration window = std::chrono::minutes(30);  // for `idle`
    Duration empty = std::chrono::minutes(15);   // its window
    Duration hung = std::chrono::minutes(20);    // its window
    int samples = 80;                            // of a window, at least, must be covered
    int utilisation = 5;                         // at most: idle
    int power = 115;                             // of the idle reference, at most: idle
    int hung_utilisation = 95;                   // at least: hung
    int hung_power = 15;                         // of the way from idle to the limit, at most: hung
    std::vector<Rung> then{{Rung::Do::kAnnotate, Duration{}}};  // by `after`
    Exempt exempt;

    bool operator==(const IdleRule&) const = default;
};

}  // namespace weir::policies
