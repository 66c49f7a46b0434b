// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/telemetry/history.h"

#include <algorithm>

namespace weir::observe {
namespace {

constexpr std::int8_t kNotTold = -1;

std::uint32_t seconds(Time time) {
    return static_cast<std::uint32_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0));
}

Time time_of(std::uint32_t seconds) {
    return Time(Duration(seconds));
}

}  // namespace

void GpuHistory::Extremes::add(const Sample& sample) {
    all_tell_power &= sample.power != kNotTold;
    all_tell_processes &= sample.processes != kNotTold;
    all_tell_utilisation &= sample.utilisation != kNotTold;
    power_most = std::max(power_most, sample.power);
    processes_most = std::max(processes_most, sample.processes);
    utilisation_most = std::max(utilisation_most, sample.utilisation);
    utilisation_least = any ? std::min(utilisation_least, sample.utilisation) : sample.utilisation;
    any = true;
}

GpuWindow GpuHistory::Extremes::window(Duration length, std::int64_t covered) const {
    GpuWindow window;
    window.length = length;
    window.covered = length.count() > 0 ? static_cast<int>(100 * covered / length.count()) : 0;
    if (!any) return window;
    if (all_tell_power) window.power_max = Watts{power_most};
    if (all_tell_processes) window.processes_max = processes_most;
    if (all_tell_utilisation) {
        window.utilisation_min = utilisation_least;
        window.utilisation_max = utilisation_most;
    }
    return window;
}

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
    const std::uint32_t at = seconds(reading.at);
    if (!gpu.samples.empty() && at <= gpu.samples.back().at) return;
    gpu.samples.push_back({at, static_cast<std::int32_t>(reading.power.value_or(Watts{kNotTold}).value),
                           static_cast<std::int16_t>(std::min(reading.processes.value_or(kNotTold), 32'767)),
                           static_cast<std::int8_t>(reading.utilisation.value_or(kNotTold))});
    // One sample from before the window says what was in its first moments.
    const std::uint32_t begin = seconds(reading.at - longest_);
    while (gpu.first + 1 < gpu.samples.size() && gpu.samples[gpu.first + 1].at < begin) ++gpu.first;
    if (2 * gpu.first > gpu.samples.size()) {
        gpu.samples.erase(gpu.samples.begin(), gpu.samples.begin() + static_cast<std::ptrdiff_t>(gpu.first));
        gpu.first = 0;
    }
    if (!reading.model.empty()) gpu.model = reading.model;
    if (reading.power_limit) gpu.power_limit = reading.power_limit;
    gpu.mig = reading.mig;
    node.nvlink_domain = reading.nvlink_domain;
    const bool more = node.near.size() < node.gpus.size();
    if (more) node.near.resize(node.gpus.size());
    if (more || node.near[device] != reading.near) {
        node.near[device] = reading.near;
        node.pairs = GpuPairs::from_rows(node.near);
    }
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
        if (const auto known = nodes_.find(node.name); known != nodes_.end()) {
            node.nvlink_domain = known->second.nvlink_domain;
            node.pairs = known->second.pairs;
        }
    }
    // GPUs of one job on one node follow one another.
    const Job* job = nullptr;
    const Node* node = nullptr;
    auto known = nodes_.end();
    for (GpuUse& use : snapshot.gpu_uses) {
        if (job == nullptr || job->id != use.job) job = snapshot.job(use.job);
        if (node != &snapshot.nodes[use.node]) {
            node = &snapshot.nodes[use.node];
            known = nodes_.find(node->name);
        }
        if (known == nodes_.end() || job == nullptr) continue;
        auto& gpus = known->second.gpus;
        std::size_t in_slurm = 0;
        for (const GpuPool& pool : node->gpus) in_slurm += static_cast<std::size_t>(pool.total);
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
    use.sampled = std::min(time_of(gpu.samples.back().at), snapshot.at);
    if (gpu.mig) use.contradiction = "it is split by MIG, and what its parts do is not measured";
    const Time started = job.started.value_or(snapshot.at);
    if (gpu.job != use.job || gpu.job_started != started) {
        gpu.job = use.job;
        gpu.job_started = started;
        gpu.folded = seconds(started);
        gpu.since_start = {};
    }
    for (auto sample = gpu.samples.rbegin(); sample != gpu.samples.rend() && sample->at > gpu.folded;
         ++sample)
        gpu.since_start.add(*sample);
    gpu.folded = std::max(gpu.folded, gpu.samples.back().at);
    use.since_start = gpu.since_start.window(snapshot.at - started, 0);
    use.windows = windows(gpu, snapshot);
}

// One way back in time for all windows, the shortest first. A sample stands for the time until the next one,
// but for no more than one and a half periods.
std::vector<GpuWindow> GpuHistory::windows(const Gpu& gpu, const Snapshot& snapshot) const {
    const std::uint32_t at = seconds(snapshot.at);
    const auto reach =
        static_cast<std::uint32_t>((period_ + period_ / 2).count()) + 1;  // times are whole seconds
    std::vector<GpuWindow> windows;
    windows.reserve(snapshot.gpu_windows.size());
    Extremes extremes;
    std::int64_t covered = 0;
    std::uint32_t next = at;
    std::size_t index = gpu.samples.size();
    while (index > gpu.first && gpu.samples[index - 1].at > at) --index;
    for (const Duration length : snapshot.gpu_windows) {
        const std::uint32_t begin = seconds(snapshot.at - length);
        for (; index > gpu.first && gpu.samples[index - 1].at >= begin; --index) {
            const Sample& sample = gpu.samples[index - 1];
            covered += std::min(next, sample.at + reach) - sample.at;
            next = sample.at;
            extremes.add(sample);
        }
        std::int64_t first_moments = 0;  // of the window, for which the sample before it stands
        if (index > gpu.first) {
            const std::uint32_t until = std::min(next, gpu.samples[index - 1].at + reach);
            first_moments = until > begin ? until - begin : 0;
        }
        windows.push_back(extremes.window(length, covered + first_moments));
    }
    return windows;
}

}  // namespace weir::observe
