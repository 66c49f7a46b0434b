// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugin/observe/gateways.h"
#include "plugin/observe/telemetry/telemetry.h"
#include "plugin/slurm/query.h"
#include "policies/model/snapshot.h"

namespace weir::observe {

// What the conversion remembers from one cycle to the next, since it never changes: names of users by id.
class UserNames {
  public:
    const std::string& of(std::uint32_t uid);

  private:
    std::unordered_map<std::uint32_t, std::string> names_;
};

// Which users of a site are in none of the groups that its partition takes, as the system tells; remembered
// for a while.
class GroupMembers {
  public:
    // Sorted names. `groups` as Slurm lists them; none or ALL: nobody is kept out.
    const std::vector<std::string>& kept_out(const GatewaySite& site, const char* groups, Time at);

  private:
    struct Known {
        std::string groups;
        std::vector<std::string> users;
        Time at{};
        std::vector<std::string> out;
    };
    std::map<std::string, Known> known_;
};

// What to_snapshot remembers from one cycle to the next.
struct Names {
    UserNames users;
    GroupMembers groups;
};

// Whose jobs are replicas of a service: those of that user that are called NAME-1, NAME-2 ...
struct ServiceJobs {
    std::string service;
    std::string user;
    Duration settle{};  // see Replica
};

// Slurm's tables as a Snapshot at time `at`, without a ledger and without what telemetry tells of its GPUs.
// `reservations` are the names that are Weir's own, sorted; every other reservation that has not ended makes
// its nodes foreign. `gpu_uses` are filled only if asked for.
Snapshot to_snapshot(const slurm::Tables& tables, const std::vector<std::string>& reservations, Time at,
                     Names& names, bool gpu_uses, const std::vector<ServiceJobs>& services = {},
                     const Gateways& gateways = {});

// Where the agents of the nodes with GPUs are reached: NodeAddr.
std::vector<AgentHost> agent_hosts(const slurm::Tables& tables);

// What a job asks for, in the model's terms.
Request to_request(const slurm_job_info_t& job);

// Which replica a job is; absent if it is none.
std::optional<Replica> replica_of(const slurm_job_info_t& job, const std::vector<ServiceJobs>& services,
                                  UserNames& users);

// How a job ended: "FAILED, exit code 1".
std::string ending(const slurm_job_info_t& job);

// Whether capacity, a begin time or something else keeps a pending job waiting.
WaitsFor to_waits_for(const slurm_job_info_t& job);

// Whether Slurm gave a pending job up (BadConstraints) because no node of Weir's reservation suits it.
bool given_up(const slurm_job_info_t& job);

// Whom and what a partition takes, as far as a site's partition is asked.
void read_access(const partition_info_t& info, Partition& partition);

// The site of a nomination "west@INSTALLATION"; empty if it is another installation's.
std::string nominated_site(const std::string& token, const std::string& installation);

NodeState to_state(std::uint32_t slurm_node_state);

}  // namespace weir::observe
