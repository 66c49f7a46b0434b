// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/agent/sampler.h"

#include <spdlog/spdlog.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "policies/model/gpu_pairs.h"
#include "topology/hwloc/live.h"
#include "topology/live/this_machine.h"
#include "topology/show/show.h"

namespace weir::agent {
namespace {

// A GPU that is lost, or back, is a change of the set; so is a new division by MIG.
std::vector<std::string> parts_of(const std::vector<topology::GpuSample>& gpus) {
    std::vector<std::string> parts;
    for (const topology::GpuSample& gpu : gpus) {
        if (gpu.lost) continue;
        parts.push_back(gpu.uuid);
        for (const topology::MigSample& instance : gpu.instances) parts.push_back(instance.uuid);
    }
    return parts;
}

}  // namespace

Sampler::Sampler(Board& board, std::chrono::seconds period)
    : board_(board), period_(period), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void Sampler::run(const std::stop_token& stop) {
    discover();
    std::mutex mutex;
    std::condition_variable_any stopped;
    while (!stop.stop_requested()) {
        const auto begun = Clock::now();
        try {
            sample();
        } catch (const std::exception& error) {
            spdlog::error("no sample: {}", error.what());
        }
        std::unique_lock lock(mutex);
        stopped.wait_until(lock, stop, begun + period_, [] { return false; });
    }
}

void Sampler::sample() {
    if (!nvml_) {
        auto library = topology::NvmlLibrary::open();
        if (!library) return board_.failed(library.error(), Clock::now());
        nvml_.emplace(std::move(*library));
    }
    const auto begun = Clock::now();
    auto gpus = nvml_->sample();
    const auto now = Clock::now();
    if (!gpus) {
        nvml_.reset();
        return board_.failed(gpus.error(), now);
    }
    auto parts = parts_of(*gpus);
    board_.sampled(std::move(*gpus), now - begun, now);
    if (parts == parts_) return;
    parts_ = std::move(parts);
    discover();
}

// hwloc alone knows the places; it is asked first, so that a driver that hangs hides nothing of it.
void Sampler::discover() {
    auto reading = topology::discover();
    if (!reading) {
        spdlog::error("no topology: {}", reading.error().message);
        return;
    }
    if (nvml_) *reading = topology::with_gpus(std::move(*reading), nvml_->library());
    board_.discovered(topology::to_json(reading->machine).dump() + "\n", nearness_rows(reading->machine));
}

}  // namespace weir::agent
