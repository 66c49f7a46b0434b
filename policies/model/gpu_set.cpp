// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/gpu_set.h"

#include <algorithm>
#include <limits>

namespace weir {
namespace {

constexpr std::int64_t kLane = 25'000;  // MB/s one way, where only the number of lanes is known

const GpuLink* link_between(const Machine& machine, std::size_t a, std::size_t b) {
    const auto pair = std::minmax(a, b);
    const auto found = std::ranges::find_if(
        machine.links, [&](const GpuLink& link) { return link.a == pair.first && link.b == pair.second; });
    return found == machine.links.end() ? nullptr : &*found;
}

std::int64_t speed_of(const GpuLink& link) {
    return link.megabytes_per_second > 0 ? link.megabytes_per_second : link.lanes * kLane;
}

}  // namespace

Nearness nearness(const Machine& machine, std::size_t a, std::size_t b) {
    if (a == b) return Nearness::kSame;
    if (link_between(machine, a, b) != nullptr) return Nearness::kNvLink;
    const PciPlace& one = machine.gpus[a].place;
    const PciPlace& other = machine.gpus[b].place;
    const auto [end_of_one, end_of_other] = std::ranges::mismatch(one.bridges, other.bridges);
    if (end_of_one != one.bridges.begin()) {
        // A switch is a bridge with a bridge for each of its ports below it; some sources leave the ports
        // out.
        const auto below = std::max(one.bridges.end() - end_of_one, other.bridges.end() - end_of_other);
        return below <= 1 ? Nearness::kBridge : Nearness::kBridges;
    }
    if (one.host_bridge && one.host_bridge == other.host_bridge) return Nearness::kHostBridge;
    return one.numa && one.numa == other.numa ? Nearness::kNuma : Nearness::kSystem;
}

GpuSetQuality quality(const Machine& machine, std::span<const std::size_t> gpus) {
    GpuSetQuality found{Nearness::kSame, std::numeric_limits<std::int64_t>::max()};
    for (std::size_t i = 0; i < gpus.size(); ++i)
        for (std::size_t j = i + 1; j < gpus.size(); ++j) {
            const Nearness near = nearness(machine, gpus[i], gpus[j]);
            found.worst = std::min(found.worst, near);
            if (near == Nearness::kNvLink)
                found.speed = std::min(found.speed, speed_of(*link_between(machine, gpus[i], gpus[j])));
        }
    if (found.worst < Nearness::kNvLink) found.speed = 0;
    return found;
}

}  // namespace weir
