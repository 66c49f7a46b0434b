// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/result.h"
#include "policies/model/units.h"

namespace weir::gateway {

// What has become of a local job.
enum class LocalState {
    kGone,        // Slurm does not know it, or no longer
    kPending,     // waits, perhaps again
    kRequeueing,  // is being ended where it ran, to wait again
    kRunning,
    kSuspended,
    kEnding,  // cancelled, timed out or failed, and still being cleaned up
    kEnded,
};

// Whether it is being ended for good, or has been.
constexpr bool over(LocalState state) {
    return state == LocalState::kEnded || state == LocalState::kEnding;
}

// A job of the local cluster as Slurm tells it at this moment: everything that its copy at a site needs.
struct LocalJob {
    std::uint32_t id = 0;
    LocalState state = LocalState::kGone;
    std::string state_text;  // "cancelled", "out of time"
    std::string label;       // "17", "17_4"
    std::string name;
    std::uint32_t uid = 0;
    std::string account;
    std::string admin_comment;
    std::uint32_t restarts = 0;
    Time submitted{};
    std::optional<Time> started;
    Time eligible{};                      // not to begin before
    Duration time_limit{};                // zero: unlimited
    std::vector<std::string> partitions;  // of a running job the one that it runs in
    std::vector<std::string> nodes;
    std::string batch_host;
    bool batch = false;
    bool requeueable = false;
    bool heterogeneous = false;
    bool exclusive = false;  // no other job on its nodes, of which all CPUs are its own
    std::string container;   // empty: none
    std::optional<std::uint32_t> array_job;
    std::uint32_t array_task = 0;
    int node_count = 0;
    int tasks = 0;
    int tasks_per_node = 0;  // 0: not said
    int cpus = 0;            // in all
    int cpus_per_task = 1;
    std::int64_t memory_per_node = 0;  // MiB, as asked for; 0: not said
    std::int64_t memory_per_cpu = 0;
    std::string gpu_type;
    std::vector<int> gpus;  // on each of its nodes

    bool operator==(const LocalJob&) const = default;
};

// "gpu:a100:2(IDX:0-1)" of gres_detail_str: type and number. False for what holds no GPU.
bool read_gpus(std::string_view detail, std::string& type, int& count);

// Asks slurmctld. A job that it does not know is kGone; a failure means that it did not answer.
Result<LocalJob> look_up(std::uint32_t id);

}  // namespace weir::gateway
