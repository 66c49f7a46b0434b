// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/snapshot.h"

#include <algorithm>
#include <functional>

namespace weir {
namespace {

// The element of a range sorted by `key` whose key is `wanted`, or nullptr.
template <class Range, class Key, class Projection>
auto find_sorted(const Range& range, const Key& wanted, Projection key) -> decltype(range.data()) {
    auto found = std::ranges::lower_bound(range, wanted, {}, key);
    return found != range.end() && std::invoke(key, *found) == wanted ? &*found : nullptr;
}

}  // namespace

std::optional<NodeIndex> Snapshot::node(const std::string& name) const {
    const Node* found = find_sorted(nodes, name, &Node::name);
    if (found == nullptr) return std::nullopt;
    return static_cast<NodeIndex>(found - nodes.data());
}

std::optional<PartitionIndex> Snapshot::partition(const std::string& name) const {
    const Partition* found = find_sorted(partitions, name, &Partition::name);
    if (found == nullptr) return std::nullopt;
    return static_cast<PartitionIndex>(found - partitions.data());
}

const Job* Snapshot::job(JobId id) const {
    return find_sorted(jobs, id, &Job::id);
}

const Reservation* Snapshot::reservation(const std::string& name) const {
    return find_sorted(reservations, name, &Reservation::name);
}

const SiteLook* Snapshot::site(const std::string& name) const {
    return find_sorted(sites, name, &SiteLook::site);
}

const std::string& site_of(const Snapshot& snapshot, const Job& job) {
    static const std::string kHome;
    if (job.state == JobState::kPending || job.partitions.empty()) return kHome;
    return snapshot.partitions[job.partitions.front()].site;
}

bool ready_to_lend(const Snapshot& snapshot, const Clearing& clearing) {
    return !clearing.rule.empty() && std::ranges::all_of(clearing.nodes, [&](const std::string& name) {
        const auto index = snapshot.node(name);
        return index && snapshot.nodes[*index].jobs == 0 && !snapshot.nodes[*index].completing;
    });
}

}  // namespace weir
