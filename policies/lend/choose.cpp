// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/lend/choose.h"

#include <algorithm>
#include <tuple>

namespace weir::policies {
namespace {

// By node: a partition that reaches it, is none of the rule's and not in its `also`; nullptr if there is
// none.
std::vector<const Partition*> reached_by_others(const Snapshot& snapshot, const RuleWork& work) {
    std::vector<const Partition*> reached(snapshot.nodes.size(), nullptr);
    for (PartitionIndex index = 0; index < snapshot.partitions.size(); ++index) {
        const Partition& partition = snapshot.partitions[index];
        const bool ours = index == work.land.to ||
                          std::ranges::find(work.land.from, index) != work.land.from.end() ||
                          std::ranges::find(work.rule().also, partition.name) != work.rule().also.end();
        if (ours) continue;
        for (NodeIndex node : partition.nodes) reached[node] = &partition;
    }
    return reached;
}

}  // namespace

Candidates::Candidates(const Decision& decision, const RuleWork& work)
    : snapshot_(decision.snapshot), taken_(decision.snapshot.nodes.size(), 0) {
    const std::vector<const Partition*> reached = reached_by_others(snapshot_, work);
    NodeFlags lent(snapshot_.nodes.size(), 0);
    for (const RuleWork& other : decision.rules)
        for (const Standing& standing : other.loans) lent[standing.node] = 1;
    for (NodeIndex node = 0; node < snapshot_.nodes.size(); ++node) {
        if (work.land.is_owners[node] == 0) continue;
        const bool idle = decision.idle_at_home(node);
        Group& group = group_of(node);
        for (Unit* unit : {group.block, group.domain}) {
            if (unit == nullptr) continue;
            ++unit->owner_nodes;
            unit->free += idle;
        }
        if (!idle || decision.claimed[node] != 0 || lent[node] != 0 || work.land.is_lendable[node] == 0)
            continue;
        if (reached[node] != nullptr) {
            ++kept_out_;
            kept_out_by_ = reached[node]->name;
            continue;
        }
        group.nodes.push_back(node);
        all_.push_back(node);
    }
    for (auto& [names, group] : groups_)
        std::ranges::stable_sort(group.nodes, {}, [&](NodeIndex node) {
            return std::tuple(powered_down(node), snapshot_.nodes[node].weight, node);
        });
    left_ = static_cast<int>(all_.size());
}

bool Candidates::powered_down(NodeIndex node) const {
    return snapshot_.nodes[node].state == NodeState::kPoweredDown;
}

std::vector<NodeIndex> lendable_if_idle(const Decision& decision, const RuleWork& work) {
    const std::vector<const Partition*> reached = reached_by_others(decision.snapshot, work);
    std::vector<NodeIndex> nodes;
    for (const NodeIndex node : work.land.lendable) {
        const bool at_home = decision.in_weirs[node] == 0 && decision.newly_lent[node] == 0;
        if (at_home && decision.takes_jobs(node) && decision.claimed[node] == 0 && reached[node] == nullptr &&
            decision.snapshot.nodes[node].jobs > 0)
            nodes.push_back(node);
    }
    return nodes;
}

std::optional<NodeIndex> Candidates::pick(const std::function<bool(NodeIndex)>& suits) {
    using Rank = std::tuple<bool, bool, bool, int, int, std::uint32_t, NodeIndex>;
    std::optional<Rank> best;
    for (auto& [names, group] : groups_) {
        const auto breaks = [](const Unit* unit) { return unit != nullptr && unit->whole(); };
        const auto free = [](const Unit* unit) { return unit != nullptr ? unit->free : 0; };
        for (NodeIndex node : group.nodes) {
            if (taken_[node] != 0 || !suits(node)) continue;
            const Rank rank{powered_down(node),
                            breaks(group.domain),
                            breaks(group.block),
                            free(group.domain),
                            free(group.block),
                            snapshot_.nodes[node].weight,
                            node};
            if (!best || rank < *best) best = rank;
            break;
        }
    }
    if (!best) return std::nullopt;
    const NodeIndex node = std::get<6>(*best);
    mark(node, true);
    return node;
}

void Candidates::put_back(NodeIndex node) {
    mark(node, false);
}

void Candidates::mark(NodeIndex node, bool taken) {
    taken_[node] = taken ? 1 : 0;
    const Group& group = group_of(node);
    for (Unit* unit : {group.block, group.domain})
        if (unit != nullptr) unit->free += taken ? -1 : 1;
    left_ += taken ? -1 : 1;
}

Candidates::Group& Candidates::group_of(NodeIndex index) {
    const Node& node = snapshot_.nodes[index];
    auto [place, fresh] = groups_.try_emplace({node.block, node.nvlink_domain});
    if (fresh && !node.block.empty()) place->second.block = &blocks_[node.block];
    if (fresh && !node.nvlink_domain.empty()) place->second.domain = &domains_[node.nvlink_domain];
    return place->second;
}

}  // namespace weir::policies
