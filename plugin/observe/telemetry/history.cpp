// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/telemetry/history.h"

#include <algorithm>

namespace weir::observe {
namespace {

template <class T>
void keep_least(std::optional<T>& into, const std::optional<T>& value) {
    if (value) into = into ? std::min(*into, *value) : *value;
}
template <class T>
void keep_most(std::optional<T>& into, const std::optional<T>& value) {
    if (value) into = into ? std::max(*into, *value) : *value;
}

}  // namespace

void GpuHistory::set_up(Duration longest, Duration period) {
    longest_ = longest;
    period_ = period;
}

void GpuHistory::record(const GpuReading& reading) {
    NodeGpus& node = nodes_[reading.node];
    const auto device = static_cast<std::size_t>(reading.device);
    if (node.gpus.size() <= device) node.gpus.resize(device + 1);
    Gpu& gpu = node.gpus[device];
    if (!reading.utilisation && !reading.power && !reading.mig) return;  // as of one that is lost
    if (!gpu.samples.empty() && reading.at <= gpu.samples.back().at) return;
    gpu.samples.push_back({reading.at, reading.utilisation, reading.power, reading.processes});
    // One sample from before the window says what was in its first moments.
    while (gpu.samples.size() > 1 && gpu.samples[1].at < reading.at - longest_) gpu.samples.pop_front();
    if (!reading.model.empty()) gpu.model = reading.model;
    if (reading.power_limit) gpu.power_limit = reading.power_limit;
    gpu.mig = reading.mig;
    node.nvlink_domain = reading.nvlink_domain;
    newest_ = std::max(newest_.value_or(reading.at), reading.at);
}

std::size_t GpuHistory::gpus() const {
    std::size_t count = 0;
    for (const auto& [name, node] : nodes_) {
        count += static_cast<std::size_t>(
            std::ranges::count_if(node.gpus, [](const Gpu& gpu) { return !gpu.samples.empty(); }));
    }
    return count;
}

void GpuHistory::look(Snapshot& snapshot) {
    for (Node& node : snapshot.nodes) {
        if (const auto known = nodes_.find(node.name); known != nodes_.end())
            node.nvlink_domain = known->second.nvlink_domain;
    }
    for (GpuUse& use : snapshot.gpu_uses) {
        const Node& node = snapshot.nodes[use.node];
        const auto known = nodes_.find(node.name);
        const Job* job = snapshot.job(use.job);
        if (known == nodes_.end() || job == nullptr) continue;
        auto& gpus = known->second.gpus;
        std::size_t in_slurm = 0;
        for (const GpuPool& pool : node.gpus) in_slurm += static_cast<std::size_t>(pool.total);
        if (gpus.size() > in_slurm) {
            use.contradiction = "its node tells of GPU " + std::to_string(gpus.size() - 1) +
                                ", and Slurm knows " + std::to_string(in_slurm);
        } else if (static_cast<std::size_t>(use.index) < gpus.size()) {
            look(snapshot, *job, gpus[static_cast<std::size_t>(use.index)], use);
        }
    }
}

void GpuHistory::look(const Snapshot& snapshot, const Job& job, Gpu& gpu, GpuUse& use) const {
    if (gpu.samples.empty()) return;
    use.model = gpu.model;
    use.power_limit = gpu.power_limit;
    use.sampled = std::min(gpu.samples.back().at, snapshot.at);
    if (gpu.mig) use.contradiction = "it is split by MIG, and what its parts do is not measured";
    const Time started = job.started.value_or(snapshot.at);
    if (gpu.job != use.job || gpu.job_started != started) {
        gpu.job = use.job;
        gpu.job_started = started;
        gpu.folded = started;
        gpu.since_start = {};
    }
    for (const Sample& sample : gpu.samples) {
        if (sample.at <= gpu.folded) continue;
        fold(gpu.since_start, sample);
        gpu.folded = sample.at;
    }
    use.since_start = gpu.since_start;
    use.since_start.length = snapshot.at - started;
    for (const Duration length : snapshot.gpu_windows)
        use.windows.push_back(window(gpu, snapshot.at, length));
}

void GpuHistory::fold(GpuWindow& window, const Sample& sample) {
    keep_least(window.utilisation_min, sample.utilisation);
    keep_most(window.utilisation_max, sample.utilisation);
    keep_most(window.power_max, sample.power);
    keep_most(window.processes_max, sample.processes);
}

// A sample stands for the time until the next one, but for no more than one and a half periods.
GpuWindow GpuHistory::window(const Gpu& gpu, Time at, Duration length) const {
    GpuWindow window;
    window.length = length;
    const Time begin = at - length;
    const Duration reach = period_ + period_ / 2 + Duration{1};  // times are whole seconds
    Duration covered{};
    Time next = at;
    bool all_tell_power = true;
    bool all_tell_utilisation = true;
    bool all_tell_processes = true;
    for (auto sample = gpu.samples.rbegin(); sample != gpu.samples.rend() && next > begin; ++sample) {
        if (sample->at > at) continue;
        const Time until = std::min(next, sample->at + reach);
        covered += std::max(until - std::max(sample->at, begin), Duration{});
        next = sample->at;
        if (sample->at < begin) break;
        fold(window, *sample);
        all_tell_power &= sample->power.has_value();
        all_tell_utilisation &= sample->utilisation.has_value();
        all_tell_processes &= sample->processes.has_value();
    }
    if (!all_tell_power) window.power_max.reset();
    if (!all_tell_processes) window.processes_max.reset();
    if (!all_tell_utilisation) {
        window.utilisation_min.reset();
        window.utilisation_max.reset();
    }
    window.covered = length.count() > 0 ? static_cast<int>(100 * covered / length) : 0;
    return window;
}

}  // namespace weir::observe
