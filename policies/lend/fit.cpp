// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/lend/fit.h"

#include <algorithm>

namespace weir::policies {
namespace {

constexpr std::size_t kRun = 32;

}  // namespace

Capacity::Capacity(const Snapshot& snapshot, const Shapes& shapes)
    : snapshot_(snapshot),
      shapes_(shapes),
      types_(static_cast<std::size_t>(shapes.gpu_types().size())),
      rooms_(snapshot.nodes.size()),
      typed_(snapshot.nodes.size() * types_, 0) {}

void Capacity::open_as_is(NodeIndex node) {
    open(node, false);
}

void Capacity::open_empty(NodeIndex node) {
    open(node, true);
}

void Capacity::open(NodeIndex index, bool all) {
    const Node& node = snapshot_.nodes[index];
    Room& room = rooms_[index];
    room.cpus = std::max(0, node.cpus - (all ? 0 : node.cpus_used));
    room.memory = std::max<std::int64_t>(0, node.memory - (all ? 0 : node.memory_used));
    room.empty = all || (node.jobs == 0 && !node.completing);
    room.gpus = 0;
    for (const auto& pool : node.gpus) {
        const int free = std::max(0, pool.total - (all ? 0 : pool.used));
        const auto type = static_cast<std::size_t>(shapes_.gpu_types().find(pool.type));
        typed_[index * types_ + type] = free;
        room.gpus += free;
    }
}

void Capacity::add(NodeIndex node) {
    if (members_.size() % kRun == 0) bounds_.emplace_back();
    bounds_.back().cpus = std::max(bounds_.back().cpus, rooms_[node].cpus);
    bounds_.back().gpus = std::max(bounds_.back().gpus, rooms_[node].gpus);
    members_.push_back(node);
}

template <class Visit>
void Capacity::scan(const Need& need, std::size_t first, Visit visit) const {
    for (std::size_t run = first / kRun; run < bounds_.size(); ++run) {
        Bound& bound = bounds_[run];
        if (bound.cpus < need.cpus || bound.gpus < need.gpus) continue;
        Bound seen;
        const std::size_t end = std::min(members_.size(), (run + 1) * kRun);
        for (std::size_t i = run * kRun; i < end; ++i) {
            const Room& room = rooms_[members_[i]];
            seen.cpus = std::max(seen.cpus, room.cpus);
            seen.gpus = std::max(seen.gpus, room.gpus);
            if (i < first || room.cpus < need.cpus || room.gpus < need.gpus) continue;
            if (!visit(i)) return;
        }
        bound = seen;
    }
}

bool Capacity::fits(const Shape& shape, const Need& need, NodeIndex node) const {
    const Room& room = rooms_[node];
    if (room.cpus < need.cpus || room.memory < need.memory) return false;
    if (need.gpus > 0 && free_gpus(node, shape.gpu_type) < need.gpus) return false;
    if (shape.request->exclusive && !room.empty) return false;
    if ((*shape.reach)[node] == 0) return false;
    if (std::ranges::binary_search(shape.excluded, node)) return false;
    const auto& has = snapshot_.nodes[node].features;
    return std::ranges::all_of(shape.request->features, [&](const std::string& feature) {
        return std::ranges::binary_search(has, feature);
    });
}

std::optional<Placement> Capacity::place(ShapeId id) {
    if (memories_.size() <= id) memories_.resize(id + 1);
    Memory& memory = memories_[id];
    if (members_.empty() || memory.failed_with == members_.size()) return std::nullopt;
    const Shape& shape = shapes_[id];
    std::optional<Placement> placement;
    if (!shape.impossible) {
        placement = shape.required.empty() ? place_evenly(shape, memory) : find_evenly(shape, members_);
        if (!placement && shape.uneven) placement = find_unevenly(shape, members_);
    }
    if (placement)
        take(*placement);
    else
        memory.failed_with = members_.size();
    return placement;
}

std::optional<Placement> Capacity::place_evenly(const Shape& shape, Memory& memory) const {
    Placement placement;
    const auto wanted = static_cast<std::size_t>(shape.even_nodes);
    std::size_t first = members_.size();
    scan(shape.even, memory.first, [&](std::size_t i) {
        if (!fits(shape, shape.even, members_[i])) return true;
        first = std::min(first, i);
        placement.push_back({members_[i], shape.even, shape.gpu_type, shape.request->exclusive});
        return placement.size() < wanted;
    });
    memory.first = first;
    if (placement.size() < wanted) return std::nullopt;
    return placement;
}

std::optional<Placement> Capacity::find(ShapeId id, const std::vector<NodeIndex>& nodes) const {
    const Shape& shape = shapes_[id];
    if (shape.impossible) return std::nullopt;
    auto placement = find_evenly(shape, nodes);
    if (!placement && shape.uneven) placement = find_unevenly(shape, nodes);
    return placement;
}

std::optional<Placement> Capacity::find_evenly(const Shape& shape,
                                               const std::vector<NodeIndex>& nodes) const {
    Placement placement;
    const auto wanted = static_cast<std::size_t>(shape.even_nodes);
    for (NodeIndex node : shape.required) {
        if (std::ranges::find(nodes, node) == nodes.end() || !fits(shape, shape.even, node))
            return std::nullopt;
        placement.push_back({node, shape.even, shape.gpu_type, shape.request->exclusive});
    }
    for (NodeIndex node : nodes) {
        if (placement.size() == wanted) return placement;
        if (!std::ranges::binary_search(shape.required, node) && fits(shape, shape.even, node))
            placement.push_back({node, shape.even, shape.gpu_type, shape.request->exclusive});
    }
    if (placement.size() < wanted) return std::nullopt;
    return placement;
}

int Capacity::usable_cpus(const Shape& shape, NodeIndex node) const {
    const Room& room = rooms_[node];
    if (shape.request->memory_per_cpu <= 0) return room.cpus;
    return static_cast<int>(std::min<std::int64_t>(room.cpus, room.memory / shape.request->memory_per_cpu));
}

// Takes the nodes that give most until the totals are met.
std::optional<Placement> Capacity::find_unevenly(const Shape& shape,
                                                 const std::vector<NodeIndex>& nodes) const {
    struct Part {
        NodeIndex node;
        bool required;
        int gpus;
        int cpus;
    };
    std::vector<Part> parts;
    for (NodeIndex node : nodes)
        if (fits(shape, shape.least, node))
            parts.push_back({node, std::ranges::binary_search(shape.required, node),
                             free_gpus(node, shape.gpu_type), usable_cpus(shape, node)});
    const bool by_gpus = shape.request->gpus_total > 0;
    std::ranges::stable_sort(parts, [&](const Part& a, const Part& b) {
        if (a.required != b.required) return a.required;
        if (by_gpus && a.gpus != b.gpus) return a.gpus > b.gpus;
        return a.cpus > b.cpus;
    });
    const auto least_nodes = static_cast<std::size_t>(shape.even_nodes);
    const auto most_nodes =
        shape.request->nodes_max > 0 ? static_cast<std::size_t>(shape.request->nodes_max) : parts.size();
    int gpus = 0;
    int cpus = 0;
    std::size_t count = 0;
    auto enough = [&] {
        return count >= least_nodes && gpus >= shape.request->gpus_total && cpus >= shape.request->cpus_total;
    };
    for (; count < parts.size() && count < most_nodes && !enough(); ++count) {
        gpus += parts[count].gpus;
        cpus += parts[count].cpus;
    }
    if (!enough()) return std::nullopt;
    parts.resize(count);
    if (std::ranges::count_if(parts, &Part::required) != static_cast<std::ptrdiff_t>(shape.required.size()))
        return std::nullopt;

    const int parts_count = static_cast<int>(count);
    int more_gpus = std::max(0, shape.request->gpus_total - shape.least.gpus * parts_count);
    int more_cpus = std::max(0, shape.request->cpus_total - shape.least.cpus * parts_count);
    Placement placement;
    for (const Part& part : parts) {
        Take take{part.node, shape.least, shape.gpu_type, shape.request->exclusive};
        const int gpus_here = std::min(more_gpus, part.gpus - shape.least.gpus);
        const int cpus_here = std::min(more_cpus, part.cpus - shape.least.cpus);
        take.amount.gpus += std::max(0, gpus_here);
        take.amount.cpus += std::max(0, cpus_here);
        take.amount.memory =
            std::max(shape.request->memory_per_node, shape.request->memory_per_cpu * take.amount.cpus);
        more_gpus -= take.amount.gpus - shape.least.gpus;
        more_cpus -= take.amount.cpus - shape.least.cpus;
        placement.push_back(take);
    }
    return placement;
}

std::vector<NodeIndex> Capacity::usable(ShapeId id) const {
    std::vector<NodeIndex> nodes;
    const bool tried = id < memories_.size() && !shapes_[id].uneven && shapes_[id].required.empty();
    scan(shapes_[id].uneven ? shapes_[id].least : shapes_[id].even, tried ? memories_[id].first : 0,
         [&](std::size_t i) {
             if (usable(id, members_[i])) nodes.push_back(members_[i]);
             return true;
         });
    return nodes;
}

bool Capacity::usable(ShapeId id, NodeIndex node) const {
    const Shape& shape = shapes_[id];
    return fits(shape, shape.uneven ? shape.least : shape.even, node);
}

void Capacity::take(const Placement& placement) {
    for (const Take& taken : placement) {
        Room& room = rooms_[taken.node];
        int* typed = typed_.data() + taken.node * types_;
        room.empty = false;
        if (taken.whole) {
            room.cpus = 0;
            room.memory = 0;
            room.gpus = 0;
            std::fill_n(typed, types_, 0);
            continue;
        }
        room.cpus -= taken.amount.cpus;
        room.memory -= taken.amount.memory;
        room.gpus -= taken.amount.gpus;
        int left = taken.amount.gpus;
        for (std::size_t type = 0; type < types_ && left > 0; ++type) {
            if (taken.gpu_type != kAnyGpu && static_cast<int>(type) != taken.gpu_type) continue;
            const int part = std::min(left, typed[type]);
            typed[type] -= part;
            left -= part;
        }
    }
}

int Capacity::free_gpus(NodeIndex node, int type) const {
    if (type == kAnyGpu) return rooms_[node].gpus;
    return type < 0 ? 0 : typed_[node * types_ + static_cast<std::size_t>(type)];
}

int Capacity::free_gpus(int type) const {
    int sum = 0;
    for (NodeIndex node : members_)
        if (rooms_[node].cpus > 0) sum += free_gpus(node, type);
    return sum;
}

}  // namespace weir::policies
