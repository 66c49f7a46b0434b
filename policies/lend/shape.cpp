// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/lend/shape.h"

#include <algorithm>
#include <functional>

namespace weir::policies {
namespace {

constexpr int divided_up(int amount, int parts) {
    return amount <= 0 ? 0 : (amount - 1) / parts + 1;
}

class Mixer {
  public:
    void add(std::size_t value) { state_ = (state_ ^ value) * 0x9E3779B97F4A7C15ULL + (state_ >> 29U); }
    void add(const std::string& text) { add(std::hash<std::string>{}(text)); }
    void add(const std::vector<std::string>& texts) {
        for (const auto& text : texts) add(text);
        add(texts.size());
    }
    std::size_t value() const { return state_; }

  private:
    std::size_t state_ = 0x51ED270B;
};

}  // namespace

GpuTypes::GpuTypes(const Snapshot& snapshot) {
    for (const auto& node : snapshot.nodes)
        for (const auto& pool : node.gpus)
            if (find(pool.type) == kNoSuchGpu)
                names_.insert(std::ranges::lower_bound(names_, pool.type), pool.type);
}

int GpuTypes::find(const std::string& name) const {
    auto place = std::ranges::lower_bound(names_, name);
    return place != names_.end() && *place == name ? static_cast<int>(place - names_.begin()) : kNoSuchGpu;
}

Shapes::Shapes(const Snapshot& snapshot) : snapshot_(snapshot), gpu_types_(snapshot) {}

std::size_t Shapes::Hash::operator()(const Key& key) const {
    const Request& request = *key.request;
    Mixer mixer;
    for (int number :
         {request.nodes_min, request.nodes_max, request.cpus_per_node, request.gpus_per_node,
          request.cpus_total, request.gpus_total, request.exclusive ? 1 : 0, request.one_block ? 1 : 0})
        mixer.add(static_cast<std::size_t>(number));
    mixer.add(static_cast<std::size_t>(request.memory_per_node));
    mixer.add(static_cast<std::size_t>(request.memory_per_cpu));
    if (!request.gpu_type.empty()) mixer.add(request.gpu_type);
    if (!request.features.empty()) mixer.add(request.features);
    if (!request.nodes_required.empty()) mixer.add(request.nodes_required);
    if (!request.nodes_excluded.empty()) mixer.add(request.nodes_excluded);
    for (PartitionIndex partition : *key.partitions) mixer.add(partition);
    return mixer.value();
}

ShapeId Shapes::of(const Job& job) {
    auto [place, fresh] =
        ids_.try_emplace({&job.request, &job.partitions}, static_cast<ShapeId>(shapes_.size()));
    if (fresh) shapes_.push_back(make(job));
    return place->second;
}

const NodeFlags* Shapes::reach_of(const std::vector<PartitionIndex>& partitions) {
    for (const auto& [known, reach] : reaches_)
        if (known == partitions) return &reach;
    auto& [key, reach] = reaches_.emplace_back(partitions, NodeFlags(snapshot_.nodes.size(), 0));
    for (PartitionIndex index : key) {
        const Partition& partition = snapshot_.partitions[index];
        if (!partition.up) continue;
        for (NodeIndex node : partition.nodes) reach[node] = 1;
    }
    return &reach;
}

Shape Shapes::make(const Job& job) {
    const Request& request = job.request;
    Shape shape;
    shape.request = &request;
    shape.gpu_type = request.gpu_type.empty() ? kAnyGpu : gpu_types_.find(request.gpu_type);
    shape.reach = reach_of(job.partitions);
    for (const auto& name : request.nodes_required) {
        if (auto node = snapshot_.node(name))
            shape.required.push_back(*node);
        else
            shape.impossible = true;
    }
    for (const auto& name : request.nodes_excluded)
        if (auto node = snapshot_.node(name)) shape.excluded.push_back(*node);

    auto with_memory = [&](Need need) {
        need.memory = std::max(request.memory_per_node, request.memory_per_cpu * need.cpus);
        return need;
    };
    const int nodes = std::max({1, request.nodes_min, static_cast<int>(shape.required.size())});
    shape.even_nodes = nodes;
    shape.least = with_memory({std::max(1, request.cpus_per_node), request.gpus_per_node, 0});
    if (request.gpus_total > 0) shape.least.gpus = std::max(1, shape.least.gpus);
    shape.even = with_memory({std::max(shape.least.cpus, divided_up(request.cpus_total, nodes)),
                              std::max(shape.least.gpus, divided_up(request.gpus_total, nodes)), 0});
    shape.uneven = shape.even != shape.least && (nodes > 1 || request.nodes_max != 1);
    return shape;
}

}  // namespace weir::policies
