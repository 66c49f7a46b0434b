// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "policies/model/snapshot.h"

namespace weir::policies {

// One yes or no for each node of the snapshot.
using NodeFlags = std::vector<char>;

// Amounts on one node. Memory in MiB.
struct Need {
    int cpus = 0;
    int gpus = 0;
    std::int64_t memory = 0;

    bool operator==(const Need&) const = default;
};

// What `Shape::gpu_type` is besides a number of GpuTypes.
constexpr int kAnyGpu = -1;
constexpr int kNoSuchGpu = -2;

// The GPU types of a snapshot, numbered.
class GpuTypes {
  public:
    explicit GpuTypes(const Snapshot& snapshot);
    int size() const { return static_cast<int>(names_.size()); }
    // The number of that type, or kNoSuchGpu.
    int find(const std::string& name) const;

  private:
    std::vector<std::string> names_;  // sorted
};

// A request made ready for being tried on nodes. Jobs that ask for the same in the same partitions share one.
struct Shape {
    const Request* request = nullptr;
    int gpu_type = kAnyGpu;
    const NodeFlags* reach = nullptr;  // nodes that its partitions reach
    Need least;                        // on every node
    Need even;  // on each of `even_nodes` when it is spread evenly over as few as it allows
    int even_nodes = 1;
    bool uneven = false;              // may also be gathered in unequal parts over `even_nodes` or more
    bool impossible = false;          // it requires a node that does not exist
    std::vector<NodeIndex> required;  // ascending
    std::vector<NodeIndex> excluded;  // ascending
};

using ShapeId = std::uint32_t;

// The shapes of a snapshot's jobs, each kept once. The snapshot must outlive it.
class Shapes {
  public:
    explicit Shapes(const Snapshot& snapshot);
    ShapeId of(const Job& job);
    const Shape& operator[](ShapeId id) const { return shapes_[id]; }
    const GpuTypes& gpu_types() const { return gpu_types_; }

  private:
    struct Key {
        const Request* request;
        const std::vector<PartitionIndex>* partitions;
        bool operator==(const Key& other) const {
            return *request == *other.request && *partitions == *other.partitions;
        }
    };
    struct Hash {
        std::size_t operator()(const Key& key) const;
    };
    const NodeFlags* reach_of(const std::vector<PartitionIndex>& partitions);
    Shape make(const Job& job);

    const Snapshot& snapshot_;
    GpuTypes gpu_types_;
    std::deque<Shape> shapes_;
    std::unordered_map<Key, ShapeId, Hash> ids_;
    std::deque<std::pair<std::vector<PartitionIndex>, NodeFlags>> reaches_;
};

}  // namespace weir::policies
