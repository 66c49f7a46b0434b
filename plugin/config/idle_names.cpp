// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <set>

#include "plugin/config/names.h"
#include "policies/idle/judge.h"
#include "policies/lend/words.h"

namespace weir::config {
namespace {

std::set<std::string> gpu_types(const Snapshot& snapshot) {
    std::set<std::string> types;
    for (const Node& node : snapshot.nodes) {
        for (const GpuPool& pool : node.gpus) {
            if (pool.total > 0) types.insert(pool.type);
        }
    }
    return types;
}

}  // namespace

std::vector<Finding> check_idle_names(const Policy& policy, const Snapshot& snapshot) {
    std::vector<Finding> findings;
    std::set<std::string> watched;  // partitions named by an earlier rule
    for (const policies::IdleRule& rule : policy.idle) {
        const auto warn = [&](std::string message) {
            findings.push_back({Severity::kWarning, rule.name, std::move(message)});
        };
        for (const std::string& name : rule.partitions) {
            if (!snapshot.partition(name))
                findings.push_back(
                    {Severity::kError, rule.name, "partitions: there is no partition " + name});
            else if (!watched.insert(name).second)
                warn("partition " + name + " is watched by an earlier rule already");
        }
        for (const std::string& name : rule.exempt.partitions) {
            if (!snapshot.partition(name)) warn("exempt: there is no partition " + name);
        }
    }
    const std::set<std::string> types = gpu_types(snapshot);
    for (const auto& [type, known] : policy.gpu_types) {
        if (types.contains(type)) continue;
        findings.push_back({Severity::kWarning, "",
                            "gpu_types: no node has " + type +
                                " GPUs (there are: " + policies::listed({types.begin(), types.end()}) + ")"});
    }
    if (policy.idle.empty()) return findings;
    for (const std::string& type : types) {
        if (type.empty() || policies::idle_reference(policy.gpu_types, type, "")) continue;
        findings.push_back(
            {Severity::kWarning, "",
             "gpu_types: what a " + type +
                 " GPU draws when idle is not known, so none is called idle or hung unless its "
                 "model's name tells; give idle_watts, as `weir-agent --measure` prints it"});
    }
    return findings;
}

}  // namespace weir::config
