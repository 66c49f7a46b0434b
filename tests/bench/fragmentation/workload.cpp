// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/fragmentation/workload.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace weir::bench {
namespace {

struct Demand {
    std::int64_t cpus = 0;
    int thousandths = 0, gpus = 0;
    std::string models;

    auto operator<=>(const Demand&) const = default;
};

}  // namespace

Workload::Workload(const TaskList& list) {
    std::map<Demand, std::size_t> count;
    for (const Task& task : list.tasks) {
        const Shape& shape = list.shapes[task.shape];
        ++count[{shape.size.cpus, shape.size.gpus == 0 ? 0 : shape.size.thousandths, shape.size.gpus,
                 shape.models}];
    }
    std::vector<std::pair<Demand, std::size_t>> typical(count.begin(), count.end());
    std::ranges::sort(typical, [](const auto& a, const auto& b) {
        return std::tie(a.second, a.first) > std::tie(b.second, b.first);
    });
    std::size_t kept = 0, tasks = 0;
    while (kept < typical.size() && tasks * 100 < list.tasks.size() * 95) tasks += typical[kept++].second;
    typical.resize(kept);
    std::ranges::sort(typical, {}, [](const auto& entry) {
        return std::tie(entry.first.models, entry.first.gpus, entry.first.thousandths, entry.first.cpus);
    });
    for (const auto& [demand, number] : typical) {
        const double share = static_cast<double>(number) / static_cast<double>(tasks);
        if (demand.gpus == 0) {
            cpu_only_ += share;
            continue;
        }
        if (groups_.empty() || groups_.back().models != demand.models || groups_.back().gpus != demand.gpus ||
            groups_.back().thousandths != demand.thousandths)
            groups_.push_back({demand.models, demand.gpus, demand.thousandths, {}, {}});
        Group& group = groups_.back();
        group.cpus.push_back(demand.cpus);
        group.share.push_back(share + (group.share.empty() ? 0 : group.share.back()));
    }
}

double Workload::unusable(std::int64_t cpus, std::span<const Slot> slots, const std::string& model) const {
    int free = 0;
    for (const auto& slot : slots) free += slot.free;
    double sum = cpu_only_ * free;
    for (const Group& group : groups_) {
        int fitting = 0, lost = 0;
        for (const auto& slot : slots)
            if (slot.free >= group.thousandths)
                ++fitting;
            else
                lost += slot.free;
        double served = 0;
        if (fitting >= group.gpus && serves(group.models, model)) {
            const auto end = std::ranges::upper_bound(group.cpus, cpus);
            if (end != group.cpus.begin())
                served = group.share[static_cast<std::size_t>(end - group.cpus.begin()) - 1];
        }
        sum += served * lost + (group.share.back() - served) * free;
    }
    return sum;
}

}  // namespace weir::bench
