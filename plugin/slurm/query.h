// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "plugin/result.h"
#include "plugin/slurm/handles.h"
#include "plugin/slurm/topology.h"

namespace weir::slurm {

// Slurm's tables as last loaded. Asks only for what changed since (update_time): an unchanged table costs one
// small RPC and no copy. Each call blocks for at most Slurm's MessageTimeout and its retries.
class Tables {
  public:
    // Nodes are asked before jobs, so that a job that starts in between is seen on its node by one of the
    // two. Which GPUs a job holds (gres_detail_str) is told only if asked for: it makes the answer longer.
    Result<void> refresh(bool job_details = false);

    const node_info_msg_t& nodes() const { return *nodes_; }
    const partition_info_msg_t& partitions() const { return *partitions_; }
    const reserve_info_msg_t& reservations() const { return *reservations_; }
    const job_info_msg_t& jobs() const { return *jobs_; }
    const std::vector<TopologyUnit>& topology() const { return topology_; }
    std::chrono::microseconds backfill_cycle() const { return backfill_cycle_; }
    std::uint16_t private_data() const { return private_data_; }

    // Forget the topology and slurm.conf's flags, which have no update time: they are asked for again.
    void reread_configuration() { configuration_known_ = false; }

  private:
    Result<void> load_configuration();

    NodesMessage nodes_;
    PartitionsMessage partitions_;
    ReservationsMessage reservations_;
    JobsMessage jobs_;
    std::chrono::steady_clock::time_point jobs_loaded_whole_{};
    bool jobs_in_detail_ = false;
    std::vector<TopologyUnit> topology_;
    std::chrono::microseconds backfill_cycle_{};
    std::uint16_t private_data_ = 0;
    bool configuration_known_ = false;
};

// Where a job is right now, asked of Slurm at this moment.
struct JobWhereabouts {
    bool running = false;
    bool pending = false;
    std::uint32_t restarts = 0;
    std::string partition;  // pending: all that it may use, with commas between
    std::string reservation;
    std::string nodes;  // Slurm's own host list expression
    std::string admin_comment;
};
Result<JobWhereabouts> find_job(std::uint32_t job_id);

// The same of one task of an array, "17_4": its own record or, where it is not split off yet, the array's.
Result<JobWhereabouts> find_task(std::uint32_t job_id, const std::string& label);

// NodeAddr of a node; a failure if Slurm knows none of that name or does not answer.
Result<std::string> node_address(const std::string& node);

// The names in "t[1-3],i7".
std::vector<std::string> expand_hosts(const std::string& expression);

}  // namespace weir::slurm
