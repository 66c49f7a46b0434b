// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/lend/territory.h"

#include <algorithm>

namespace weir::policies {
namespace {

Territory survey_rule(const Snapshot& snapshot, const LendRule& rule) {
    Territory land;
    land.rule = &rule;
    const std::size_t nodes = snapshot.nodes.size();
    land.is_own.assign(nodes, 0);
    land.is_lendable.assign(nodes, 0);
    land.is_owners.assign(nodes, 0);
    for (const auto& name : rule.from) {
        const auto partition = snapshot.partition(name);
        if (!partition) {
            land.problem = "there is no partition " + name;
            return land;
        }
        land.from.push_back(*partition);
        for (NodeIndex node : snapshot.partitions[*partition].nodes) land.is_owners[node] = 1;
    }
    const auto to = snapshot.partition(rule.to);
    if (!to) {
        land.problem = "there is no partition " + rule.to;
        return land;
    }
    land.to = *to;
    for (NodeIndex node : snapshot.partitions[land.to].nodes) {
        const bool shared = land.is_owners[node] != 0;
        (shared ? land.lendable : land.own).push_back(node);
        (shared ? land.is_lendable : land.is_own)[node] = 1;
    }
    if (land.own.empty())
        land.problem =
            "partition " + rule.to +
            " has no node of its own; Weir needs at least one, since a Slurm reservation cannot be empty";
    return land;
}

// A node that is one rule's own and that the other may hold too; absent if there is none.
std::optional<NodeIndex> clash(const Territory& a, const Territory& b) {
    auto in = [](const Territory& land, NodeIndex node) {
        return land.is_own[node] != 0 || land.is_lendable[node] != 0;
    };
    for (NodeIndex node : a.own)
        if (in(b, node)) return node;
    for (NodeIndex node : b.own)
        if (in(a, node)) return node;
    return std::nullopt;
}

}  // namespace

std::vector<Territory> survey(const Snapshot& snapshot, const std::vector<LendRule>& rules) {
    std::vector<Territory> lands;
    lands.reserve(rules.size());
    for (const auto& rule : rules) lands.push_back(survey_rule(snapshot, rule));
    std::vector<std::string> clashes(lands.size());
    for (std::size_t i = 0; i < lands.size(); ++i) {
        for (std::size_t j = 0; j < lands.size(); ++j) {
            if (i == j || !clashes[i].empty() || !lands[i].problem.empty() || !lands[j].problem.empty())
                continue;
            if (auto node = clash(lands[i], lands[j]))
                clashes[i] =
                    "rule " + lands[j].rule->name + " claims node " + snapshot.nodes[*node].name + " too";
        }
    }
    for (std::size_t i = 0; i < lands.size(); ++i)
        if (!clashes[i].empty()) lands[i].problem = clashes[i];
    return lands;
}

std::string owner_of(const Snapshot& snapshot, const Territory& land, NodeIndex node) {
    for (PartitionIndex index : land.from) {
        const Partition& partition = snapshot.partitions[index];
        if (std::ranges::binary_search(partition.nodes, node)) return partition.name;
    }
    return {};
}

}  // namespace weir::policies
