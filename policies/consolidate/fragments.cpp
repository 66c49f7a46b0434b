// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <map>

#include "policies/consolidate/work.h"

namespace weir::policies::consolidation {
namespace {

// GPUs that jobs ask for on a node, and how many GPUs in all are asked for so.
using Mix = std::map<int, double>;

Mix mix_of(const Snapshot& snapshot) {
    Mix mix;
    for (const Job& job : snapshot.jobs) {
        if (job.state == JobState::kPending) {
            const int nodes = std::max(1, job.request.nodes_min);
            const int gpus =
                std::max(job.request.gpus_per_node, (job.request.gpus_total + nodes - 1) / nodes);
            if (gpus > 0) mix[gpus] += static_cast<double>(gpus) * nodes * job.count;
        } else if (!job.nodes.empty() && job.gpus.value > 0) {
            const auto nodes = static_cast<std::int64_t>(job.nodes.size());
            mix[static_cast<int>((job.gpus.value + nodes - 1) / nodes)] +=
                static_cast<double>(job.gpus.value);
        }
    }
    double sum = 0;
    for (const auto& [gpus, asked] : mix) sum += asked;
    for (auto& [gpus, asked] : mix) asked /= sum;
    return mix;
}

}  // namespace

std::vector<double> fragments(const Snapshot& snapshot) {
    const Mix mix = mix_of(snapshot);
    std::size_t most = 0;
    for (const Node& node : snapshot.nodes)
        for (const GpuPool& pool : node.gpus) most = std::max(most, static_cast<std::size_t>(pool.total));
    std::vector<double> lost(most + 1, 0.0);
    for (std::size_t free = 0; free <= most; ++free)
        for (const auto& [gpus, share] : mix)
            if (static_cast<std::size_t>(gpus) > free) lost[free] += share * static_cast<double>(free);
    return lost;
}

double fragmented(const Snapshot& snapshot) {
    const std::vector<double> lost = fragments(snapshot);
    double sum = 0;
    for (const Node& node : snapshot.nodes) {
        if (node.state != NodeState::kUp || node.gateway) continue;
        for (const GpuPool& pool : node.gpus) {
            const int free = std::max(0, pool.total - pool.used);
            // Without a CPU for them, none of its GPUs can be used.
            sum += node.cpus_used >= node.cpus ? free : lost[static_cast<std::size_t>(free)];
        }
    }
    return sum;
}

}  // namespace weir::policies::consolidation
