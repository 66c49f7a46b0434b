// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cstdint>
#include <utility>

#include "plugin/job_submit/heartbeat.h"

namespace weir::job_submit {
namespace {

// What one kind of node could give to the job, and how many such nodes there are.
struct Offer {
    std::int64_t nodes = 0;
    std::int64_t cpus = 0;
    std::int64_t gpus = 0;
};

std::int64_t gpus_of(const Shape& shape, const std::string& type) {
    std::int64_t count = 0;
    for (const GpuPool& pool : shape.gpus) {
        if (type.empty() || pool.type == type) count += pool.total;
    }
    return count;
}

// What a node of this shape can give; no nodes where it fails a need that holds for every node of the job.
Offer offer_of(const Shape& shape, const Request& request, int cpus_per_task) {
    Offer offer{shape.nodes, shape.cpus, gpus_of(shape, request.gpu_type)};
    if (request.memory_per_cpu > 0) {
        const std::int64_t covered = shape.memory / request.memory_per_cpu;
        if (request.exclusive && covered < offer.cpus) return {};
        offer.cpus = std::min(offer.cpus, covered);
    }
    offer.cpus -= offer.cpus % cpus_per_task;
    const std::int64_t gpus_needed = std::max(request.gpus_per_node, request.gpus_total > 0 ? 1 : 0);
    const bool suits = offer.cpus >= std::max(request.cpus_per_node, 1) && offer.gpus >= gpus_needed &&
                       shape.memory >= request.memory_per_node;
    return suits ? offer : Offer{};
}

// Do the first nodes of the list, as many as the job takes at most, make up its totals?
bool first_ones_do(const std::vector<Offer>& offers, const Request& request) {
    const std::int64_t nodes_max = request.nodes_max > 0 ? request.nodes_max : INT64_MAX;
    Offer sum;
    for (const Offer& offer : offers) {
        const std::int64_t taken = std::min(offer.nodes, nodes_max - sum.nodes);
        sum.nodes += taken;
        sum.cpus += taken * offer.cpus;
        sum.gpus += taken * offer.gpus;
    }
    return sum.nodes >= request.nodes_min && sum.cpus >= request.cpus_total && sum.gpus >= request.gpus_total;
}

}  // namespace

bool fits(const Rule& rule, const Request& request, int cpus_per_task) {
    if (!request.beyond_model.empty() || !request.features.empty() || !request.nodes_required.empty() ||
        !request.nodes_excluded.empty()) {
        return false;
    }
    std::vector<Offer> offers;
    for (const Shape& shape : rule.shapes)
        offers.push_back(offer_of(shape, request, std::max(cpus_per_task, 1)));

    // Either order that succeeds is a proof; that both may miss a mixed choice only makes the answer careful.
    std::ranges::sort(offers, std::ranges::greater{},
                      [](const Offer& o) { return std::pair(o.gpus, o.cpus); });
    if (first_ones_do(offers, request)) return true;
    std::ranges::sort(offers, std::ranges::greater{},
                      [](const Offer& o) { return std::pair(o.cpus, o.gpus); });
    return first_ones_do(offers, request);
}

}  // namespace weir::job_submit
