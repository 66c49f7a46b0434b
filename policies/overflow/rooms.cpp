// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/overflow/rooms.h"

#include <algorithm>
#include <tuple>

namespace weir::policies {
namespace {

auto make_of(const SiteRoom& room) {
    return std::tie(room.gpus, room.cpus, room.memory, room.gpu_type);
}

bool holds(const SiteRoom& room, const Ask& ask) {
    return room.nodes > 0 && room.gpus >= ask.gpus && room.cpus >= ask.cpus && room.memory >= ask.memory &&
           (ask.gpu_type.empty() || room.gpu_type == ask.gpu_type);
}

int divided_up(int amount, int parts) {
    return amount <= 0 ? 0 : (amount - 1) / parts + 1;
}

}  // namespace

Ask ask_of(const Request& request) {
    Ask ask;
    ask.nodes = std::max(1, request.nodes_min);
    ask.cpus = std::max({1, request.cpus_per_node, divided_up(request.cpus_total, ask.nodes)});
    ask.memory = std::max(request.memory_per_node, request.memory_per_cpu * ask.cpus);
    ask.gpus = std::max(request.gpus_per_node, divided_up(request.gpus_total, ask.nodes));
    ask.gpu_type = request.gpu_type;
    return ask;
}

void Rooms::add(SiteRoom room) {
    if (room.nodes <= 0) return;
    const auto place = std::ranges::lower_bound(rooms_, make_of(room), {}, make_of);
    if (place != rooms_.end() && make_of(*place) == make_of(room))
        place->nodes += room.nodes;
    else
        rooms_.insert(place, std::move(room));
}

bool Rooms::fits(const Ask& ask) const {
    int nodes = 0;
    for (const SiteRoom& room : rooms_)
        if (holds(room, ask)) nodes += room.nodes;
    return nodes >= ask.nodes;
}

bool Rooms::take(const Ask& ask) {
    if (!fits(ask)) return false;
    std::vector<SiteRoom> left;
    left.reserve(rooms_.size());
    int wanted = ask.nodes;
    for (SiteRoom& room : rooms_) {
        if (wanted == 0 || !holds(room, ask)) continue;
        SiteRoom rest = room;
        rest.nodes = std::min(wanted, room.nodes);
        wanted -= rest.nodes;
        room.nodes -= rest.nodes;
        rest.cpus -= ask.cpus;
        rest.memory -= ask.memory;
        rest.gpus -= ask.gpus;
        left.push_back(std::move(rest));
    }
    std::erase_if(rooms_, [](const SiteRoom& room) { return room.nodes == 0; });
    for (SiteRoom& room : left) add(std::move(room));
    return true;
}

bool Rooms::any_gpu() const {
    return std::ranges::any_of(rooms_, [](const SiteRoom& room) { return room.gpus > 0 && room.cpus > 0; });
}

std::vector<SiteRoom> rooms_of(const Node& node) {
    std::vector<SiteRoom> rooms;
    rooms.reserve(node.gpus.size());
    for (const GpuPool& pool : node.gpus)
        rooms.push_back({1, std::max(0, node.cpus - node.cpus_used),
                         std::max<std::int64_t>(0, node.memory - node.memory_used), pool.type,
                         std::max(0, pool.total - pool.used)});
    return rooms;
}

}  // namespace weir::policies
