// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/telemetry/reading.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace weir::observe {
namespace {

constexpr double kMostWatts = 100'000;
constexpr double kMostProcesses = 1'000'000;
constexpr int kMostDevices = 4096;

std::string_view label(const Readings::Labels& labels, std::string_view name) {
    const auto found =
        std::ranges::find(labels, name, [](const auto& pair) { return std::string_view(pair.first); });
    return found == labels.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value >= kMostDevices)
        return std::nullopt;
    return value;
}

void keep_greater(std::optional<int>& into, double value) {
    const int rounded = static_cast<int>(std::lround(value));
    into = std::max(into.value_or(rounded), rounded);
}

void keep_greater(std::optional<Watts>& into, double value) {
    const Watts rounded{std::lround(value)};
    into = std::max(into.value_or(rounded), rounded);
}

}  // namespace

GpuReading* Readings::find(const Labels& labels, Time at) {
    if (!label(labels, "GPU_I_ID").empty()) return nullptr;
    std::string_view host = label(labels, "Hostname");
    if (host.empty()) host = label(labels, "instance");
    const std::string_view device = label(labels, "device");
    const auto index = number(device.starts_with("nvidia") ? device.substr(6) : label(labels, "gpu"));
    if (host.empty() || !index) return nullptr;
    const std::string node(host.substr(0, host.find_first_of(".:")));
    GpuReading& reading = readings_[{node, {*index, at}}];
    reading.node = node;
    reading.device = *index;
    reading.at = at;
    if (reading.model.empty()) reading.model = label(labels, "modelName");
    return &reading;
}

void Readings::add(std::string_view metric, const Labels& labels, double value, Time at) {
    const auto within = [&](double most) { return value >= 0 && value <= most; };  // false for NaN
    if (metric == "DCGM_FI_DEV_GPU_UTIL") {
        if (GpuReading* gpu = within(100) ? find(labels, at) : nullptr) keep_greater(gpu->utilisation, value);
    } else if (metric == "DCGM_FI_DEV_POWER_USAGE") {
        if (GpuReading* gpu = within(kMostWatts) ? find(labels, at) : nullptr)
            keep_greater(gpu->power, value);
    } else if (metric == "DCGM_FI_DEV_POWER_MGMT_LIMIT") {
        if (GpuReading* gpu = within(kMostWatts) ? find(labels, at) : nullptr)
            keep_greater(gpu->power_limit, value);
    } else if (metric == "weir_gpu_processes") {
        if (GpuReading* gpu = within(kMostProcesses) ? find(labels, at) : nullptr)
            keep_greater(gpu->processes, value);
    } else if (metric == "weir_gpu_mig") {
        if (GpuReading* gpu = find(labels, at)) gpu->mig |= value > 0;
    } else if (metric == "weir_gpu_near_info") {
        if (GpuReading* gpu = find(labels, at)) gpu->near = label(labels, "near");
    } else if (metric == "weir_gpu_fabric_info" && !label(labels, "cluster_uuid").empty()) {
        if (GpuReading* gpu = find(labels, at))
            gpu->nvlink_domain =
                std::string(label(labels, "cluster_uuid")) + "." + std::string(label(labels, "clique"));
    }
}

void Readings::sampled(const Labels& labels, Time answered, Time at) {
    GpuReading* gpu = find(labels, answered);
    if (gpu != nullptr) gpu->at = std::min(at, answered);
}

std::vector<GpuReading> Readings::take() {
    std::vector<GpuReading> all;
    all.reserve(readings_.size());
    for (auto& [key, reading] : readings_) all.push_back(std::move(reading));
    readings_.clear();
    return all;
}

}  // namespace weir::observe
