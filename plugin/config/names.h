// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "plugin/config/policy.h"
#include "policies/model/snapshot.h"

namespace weir::config {

enum class Severity {
    kError,    // the rule does nothing, or not what it says, until this is mended
    kWarning,  // it works, but perhaps not as meant
};

// Something about the names of a policy that does not go with the Slurm that runs.
struct Finding {
    Severity severity = Severity::kError;
    std::string rule;     // empty: of no one rule
    std::string message;  // what was found and what would do

    bool operator==(const Finding&) const = default;
};

// Compares partitions, nodes, GPU types and reservations with the snapshot, whose reservations must be all
// that are called weir_*. In order of rule; errors and warnings as they come; last what is of no rule.
std::vector<Finding> check_names(const Policy& policy, const Snapshot& snapshot);

// The same for the rules on idle GPUs and the types of GPU: partitions and types that Slurm does not have,
// and types whose idle power is not known.
std::vector<Finding> check_idle_names(const Policy& policy, const Snapshot& snapshot);

// The same for consolidation.
std::vector<Finding> check_consolidate_names(const Policy& policy, const Snapshot& snapshot);

// The same for sites and overflow: partitions and nodes of gateways.
std::vector<Finding> check_overflow_names(const Policy& policy, const Snapshot& snapshot);

// Users who may send jobs to sites and whom this machine does not have, and secrets that others can read,
// where they are on this machine.
std::vector<Finding> check_sites_here(const Policy& policy);

// Users and scripts of services that this machine does not have, or that are not safe.
std::vector<Finding> check_services_here(const Policy& policy);

// Users and groups that this machine does not know. Accounts are in slurmdbd and are not looked up.
std::vector<Finding> check_people(const Policy& policy);

}  // namespace weir::config
