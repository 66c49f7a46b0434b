// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/fragmentation/cluster.h"

namespace weir::bench {

Cluster::Cluster(const std::vector<Node>& nodes) : nodes_(nodes), changes_(nodes.size(), 0) {
    for (const Node& node : nodes)
        packing_.add_bin(node.cpus, node.memory, std::vector<Slot>(static_cast<std::size_t>(node.gpus)));
}

void Cluster::place(Item item) {
    for (const auto& hold : item.at) {
        packing_.take(hold, item.size);
        count_change(hold.bin);
    }
    packing_.add_item(std::move(item));
}

void Cluster::carry_out(const Solution& solution) {
    for (const auto& move : solution.moves) {
        for (const auto& hold : packing_.item(move.item).at) count_change(hold.bin);
        for (const auto& hold : move.to) count_change(hold.bin);
    }
    policies::consolidation::carry_out(packing_, solution);
}

std::int64_t Cluster::free_gpu_thousandths() const {
    std::int64_t sum = 0;
    for (std::size_t node = 0; node < nodes_.size(); ++node)
        for (const auto& slot : packing_.slots(static_cast<BinIndex>(node))) sum += slot.free;
    return sum;
}

void Cluster::count_change(BinIndex node) {
    ++changes_[node];
    ++all_changes_;
}

}  // namespace weir::bench
