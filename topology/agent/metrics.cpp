// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/agent/metrics.h"

#include <prometheus/text_serializer.h>

#include <optional>
#include <utility>

namespace weir::agent {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;
using topology::GpuSample;
using Labels = std::vector<prometheus::ClientMetric::Label>;
using Value = std::optional<double>;

template <class Number>
Value number(const std::optional<Number>& value, double scale = 1) {
    return value ? Value(static_cast<double>(*value) / scale) : std::nullopt;
}

struct GpuMetric {
    const char* name;
    const char* help;
    MetricType type;
    Value (*value)(const GpuSample&);
};

constexpr auto kGauge = MetricType::Gauge;
constexpr auto kCounter = MetricType::Counter;

constexpr GpuMetric kGpuMetrics[] = {
    {"DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", kGauge,
     [](const GpuSample& gpu) { return number(gpu.utilisation); }},
    {"DCGM_FI_DEV_MEM_COPY_UTIL", "Memory utilization (in %).", kGauge,
     [](const GpuSample& gpu) { return number(gpu.copy_utilisation); }},
    {"DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).", kGauge,
     [](const GpuSample& gpu) { return number(gpu.power, 1000); }},
    {"DCGM_FI_DEV_POWER_MGMT_LIMIT", "Power limit in force (in W).", kGauge,
     [](const GpuSample& gpu) { return number(gpu.power_limit, 1000); }},
    {"DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz).", kGauge,
     [](const GpuSample& gpu) { return number(gpu.sm_clock); }},
    {"DCGM_FI_DEV_MEM_CLOCK", "Memory clock frequency (in MHz).", kGauge,
     [](const GpuSample& gpu) { return number(gpu.memory_clock); }},
    {"DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).", kGauge,
     [](const GpuSample& gpu) { return number(gpu.temperature); }},
    {"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "Why clocks are lower than they could be (a bitmask of NVML's).",
     kGauge, [](const GpuSample& gpu) { return number(gpu.throttle); }},
    {"DCGM_FI_DEV_XID_ERRORS", "Value of the last XID error encountered.", kGauge,
     [](const GpuSample& gpu) { return number(gpu.last_xid); }},
    {"DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "Total number of double-bit volatile ECC errors.", kCounter,
     [](const GpuSample& gpu) { return number(gpu.double_bit_ecc); }},
    {"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Total energy consumption since boot (in mJ).", kCounter,
     [](const GpuSample& gpu) { return number(gpu.energy); }},
    {"weir_gpu_processes", "Processes that compute on the GPU.", kGauge,
     [](const GpuSample& gpu) { return number(gpu.processes); }},
    {"weir_gpu_lost", "1 if the GPU fell off the bus or cannot be reached.", kGauge,
     [](const GpuSample& gpu) { return Value(gpu.lost ? 1 : 0); }},
    {"weir_gpu_mig", "1 if MIG divides the GPU.", kGauge,
     [](const GpuSample& gpu) { return number(gpu.mig); }},
};

class Exposition {
  public:
    explicit Exposition(const std::string& node) : node_(node) {}

    void gpus(const std::vector<GpuSample>& gpus) {
        for (const GpuMetric& metric : kGpuMetrics) {
            MetricFamily& family = add(metric.name, metric.help, metric.type);
            for (const GpuSample& gpu : gpus) append(family, labels_of(gpu), metric.value(gpu));
        }
        memory("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", gpus, &topology::GpuMemory::used);
        memory("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", gpus, &topology::GpuMemory::free);
        MetricFamily& fabric =
            add("weir_gpu_fabric_info", "1; which NVLink domain, and clique of it, the GPU is of.", kGauge);
        for (const GpuSample& gpu : gpus)
            if (gpu.fabric)
                append(fabric,
                       labels_of(gpu, {{"cluster_uuid", gpu.fabric->cluster_uuid},
                                       {"clique", std::to_string(gpu.fabric->clique)}}),
                       1);
    }

    // How near a GPU is to each, for those of the numbers that the rows count.
    void nearness(const std::vector<GpuSample>& gpus, const std::vector<std::string>& rows) {
        MetricFamily& near =
            add("weir_gpu_near_info",
                "1; a digit for each GPU of the node, by device number: how near it is, from 0 "
                "(over the link between processors) to 5 (NVLink) and 6 (itself).",
                kGauge);
        for (const GpuSample& gpu : gpus)
            if (!gpu.lost && gpu.minor && *gpu.minor < rows.size())
                append(near, labels_of(gpu, {{"near", rows[*gpu.minor]}}), 1);
    }

    void value(const char* name, const char* help, MetricType type, double value) {
        append(add(name, help, type), {}, value);
    }

    std::string text() const {
        std::vector<MetricFamily> known;
        for (const MetricFamily& family : families_)
            if (!family.metric.empty()) known.push_back(family);
        return prometheus::TextSerializer().Serialize(known);
    }

  private:
    // Valid until the next is added.
    MetricFamily& add(const char* name, const char* help, MetricType type) {
        return families_.emplace_back(MetricFamily{name, help, type, {}});
    }

    static void append(MetricFamily& family, Labels labels, Value value) {
        if (!value) return;
        prometheus::ClientMetric metric;
        metric.label = std::move(labels);
        metric.gauge.value = metric.counter.value = *value;
        family.metric.push_back(std::move(metric));
    }

    // In the order of dcgm-exporter.
    Labels labels_of(const GpuSample& gpu, Labels more = {}) const {
        Labels labels{{"gpu", std::to_string(gpu.index)}};
        const auto add = [&](const char* name, const std::string& value) {
            if (!value.empty()) labels.push_back({name, value});
        };
        add("UUID", gpu.uuid);
        add("pci_bus_id", gpu.pci);
        if (gpu.minor) add("device", "nvidia" + std::to_string(*gpu.minor));
        add("modelName", gpu.model);
        labels.insert(labels.end(), more.begin(), more.end());
        add("Hostname", node_);
        return labels;
    }

    void memory(const char* name, const char* help, const std::vector<GpuSample>& gpus,
                std::uint64_t topology::GpuMemory::*amount) {
        MetricFamily& family = add(name, help, kGauge);
        for (const GpuSample& gpu : gpus) {
            if (gpu.memory) append(family, labels_of(gpu), static_cast<double>((*gpu.memory).*amount));
            for (const topology::MigSample& part : gpu.instances)
                if (part.memory && part.gpu_instance)
                    append(family,
                           labels_of(gpu, {{"GPU_I_PROFILE", part.profile},
                                           {"GPU_I_ID", std::to_string(*part.gpu_instance)}}),
                           static_cast<double>((*part.memory).*amount));
        }
    }

    const std::string& node_;
    std::vector<MetricFamily> families_;
};

}  // namespace

std::string exposition(const View& view, const std::string& node, double cpu_seconds) {
    Exposition all(node);
    if (view.gpus) all.gpus(*view.gpus);
    if (view.gpus && view.near) all.nearness(*view.gpus, *view.near);
    all.value("weir_agent_up_nvml", "1 if NVML answers.", kGauge, view.gpus ? 1 : 0);
    all.value("weir_agent_samples_total", "Samples of all GPUs taken.", kCounter,
              static_cast<double>(view.samples));
    if (view.samples > 0)
        all.value("weir_agent_sample_seconds", "What the last sample took.", kGauge, view.took.count());
    all.value("process_cpu_seconds_total", "CPU time that the agent has used.", kCounter, cpu_seconds);
    return all.text();
}

}  // namespace weir::agent
