// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/fragmentation/consolidation.h"

#include <algorithm>

namespace weir::bench {

Consolidation::Consolidation(Cluster& cluster, const TaskList& list, const Rules& rules)
    : cluster_(cluster), list_(list), rules_(rules), in_vain_(list.shapes.size(), 0) {}

Item Consolidation::item(std::size_t shape, const Hold& hold, bool movable) const {
    Item item;
    item.size = list_.shapes[shape].size;
    item.at = {hold};
    item.movable = movable;
    item.price = item.size.gpu_thousandths() + rules_.per_move;
    item.allowed = &list_.shapes[shape].allowed;
    return item;
}

std::optional<Solution> Consolidation::make_room(std::size_t shape, std::size_t arrived) {
    const auto& [size, models, allowed] = list_.shapes[shape];
    const std::size_t most = arrived * static_cast<std::size_t>(rules_.per_thousand) / 1000;
    // Nothing has changed since the last search for its like.
    if (moves_ >= most || in_vain_[shape] == cluster_.changes() + 1) return std::nullopt;
    Limits limits;
    limits.below = static_cast<std::int64_t>(rules_.worth * static_cast<double>(size.gpu_thousandths()));
    limits.moves =
        static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(rules_.moves), most - moves_));
    limits.chain = rules_.chain;
    limits.steps = rules_.steps;
    if (size.gpu_thousandths() < rules_.least || limits.below <= rules_.per_move) return std::nullopt;
    Goal goal;
    for (BinIndex node = 0; node < cluster_.nodes().size(); ++node)
        if (allowed[node] != 0 && cluster_.nodes()[node].gpus >= size.gpus)
            goal.targets.push_back({node, size, 0});
    auto solution = cheapest(cluster_.packing(), goal, limits);
    if (!solution) in_vain_[shape] = cluster_.changes() + 1;
    return solution;
}

}  // namespace weir::bench
