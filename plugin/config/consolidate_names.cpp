// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/names.h"

namespace weir::config {

std::vector<Finding> check_consolidate_names(const Policy& policy, const Snapshot& snapshot) {
    std::vector<Finding> findings;
    if (!policy.consolidate) return findings;
    const auto warn = [&](std::string message) {
        findings.push_back({Severity::kWarning, "", "consolidate: " + std::move(message)});
    };
    for (const std::string& name : policy.consolidate->exempt_partitions)
        if (!snapshot.partition(name)) warn("exempt: there is no partition " + name);
    if (policy.consolidate->for_demand && policy.lend.empty() && !policy.consolidate->for_fit)
        warn("for: [demand] does nothing without a lending rule (lend:)");
    return findings;
}

}  // namespace weir::config
