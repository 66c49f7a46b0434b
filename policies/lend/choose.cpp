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
        Block& block = blocks_[snapshot_.nodes[node].block];
        ++block.owner_nodes;
        block.free += idle;
        if (!idle || decision.claimed[node] != 0 || lent[node] != 0 || work.land.is_lendable[node] == 0)
            continue;
        if (reached[node] != nullptr) {
            ++kept_out_;
            kept_out_by_ = reached[node]->name;
            continue;
        }
        block.nodes.push_back(node);
        all_.push_back(node);
    }
    for (auto& [name, block] : blocks_)
        std::ranges::stable_sort(block.nodes, {}, [&](NodeIndex node) {
            return std::tuple(powered_down(node), snapshot_.nodes[node].weight, node);
        });
    left_ = static_cast<int>(all_.size());
}

bool Candidates::powered_down(NodeIndex node) const {
    return snapshot_.nodes[node].state == NodeState::kPoweredDown;
}

std::optional<NodeIndex> Candidates::pick(const std::function<bool(NodeIndex)>& suits) {
    using Rank = std::tuple<bool, bool, int, std::uint32_t, NodeIndex>;
    std::optional<Rank> best;
    Block* best_block = nullptr;
    for (auto& [name, block] : blocks_) {
        for (NodeIndex node : block.nodes) {
            if (taken_[node] != 0 || !suits(node)) continue;
            const bool known = !name.empty();
            const Rank rank{powered_down(node), known && block.free == block.owner_nodes,
                            known ? block.free : 0, snapshot_.nodes[node].weight, node};
            if (!best || rank < *best) {
                best = rank;
                best_block = &block;
            }
            break;
        }
    }
    if (!best) return std::nullopt;
    const NodeIndex node = std::get<4>(*best);
    taken_[node] = 1;
    --best_block->free;
    --left_;
    return node;
}

void Candidates::put_back(NodeIndex node) {
    taken_[node] = 0;
    ++blocks_[snapshot_.nodes[node].block].free;
    ++left_;
}

}  // namespace weir::policies
