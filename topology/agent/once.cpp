// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/agent/once.h"

#include <fmt/format.h>

namespace weir::agent {
namespace {

using topology::GpuSample;

constexpr std::size_t kModelWidth = 24;

template <class Number>
std::string text_of(const std::optional<Number>& value, const char* unit = "", Number scale = 1) {
    return value ? fmt::format("{}{}", (*value + scale / 2) / scale, unit) : "-";
}

// NVML's reasons that mean trouble; that a GPU is idle or at its power limit is its daily life.
std::string slowed_by(unsigned long long reasons) {
    static constexpr std::pair<unsigned long long, const char*> kReasons[] = {
        {nvmlClocksThrottleReasonHwSlowdown, "hardware slowdown"},
        {nvmlClocksThrottleReasonSwThermalSlowdown, "heat (driver)"},
        {nvmlClocksThrottleReasonHwThermalSlowdown, "heat (hardware)"},
        {nvmlClocksThrottleReasonHwPowerBrakeSlowdown, "power brake"},
    };
    std::string text;
    for (const auto& [bit, name] : kReasons)
        if ((reasons & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(name);
    return text;
}

std::string gibibytes(std::uint64_t mebibytes) {
    return fmt::format("{:.1f}", static_cast<double>(mebibytes) / 1024);
}

std::string memory_of(const std::optional<topology::GpuMemory>& memory) {
    return memory ? gibibytes(memory->used) + "/" + gibibytes(memory->used + memory->free) : "-";
}

std::string notes_of(const GpuSample& gpu) {
    std::string text;
    const auto note = [&](const std::string& what) { text += "       " + what + "\n"; };
    if (gpu.lost) note("lost: it fell off the bus or cannot be reached");
    if (gpu.last_xid) note(fmt::format("last XID {}", *gpu.last_xid));
    if (gpu.double_bit_ecc.value_or(0) > 0)
        note(fmt::format("double-bit ECC errors: {}", *gpu.double_bit_ecc));
    if (const auto slow = slowed_by(gpu.throttle.value_or(0)); !slow.empty()) note("slowed by " + slow);
    if (gpu.fabric)
        note(fmt::format("NVLink domain {} clique {}", gpu.fabric->cluster_uuid, gpu.fabric->clique));
    for (const topology::MigSample& part : gpu.instances)
        note(fmt::format("MIG {:<12} {:>15} GiB", part.profile, memory_of(part.memory)));
    return text;
}

}  // namespace

std::string to_table(const std::vector<GpuSample>& gpus) {
    if (gpus.empty()) return "No GPU.\n";
    constexpr auto kRow = "{:>3}  {:<24}  {:>5}  {:>11}  {:>9}  {:>5}  {:>4}  {:>3}\n";
    std::string text = fmt::format(kRow, "GPU", "model", "use", "memory GiB", "power W", "MHz", "C", "run");
    for (const GpuSample& gpu : gpus) {
        const std::string model =
            gpu.model.size() > kModelWidth ? gpu.model.substr(0, kModelWidth - 1) + "+" : gpu.model;
        const std::string power =
            gpu.power ? text_of(gpu.power, "", 1000U) + "/" + text_of(gpu.power_limit, "", 1000U) : "-";
        text += fmt::format(kRow, gpu.index, model.empty() ? "-" : model, text_of(gpu.utilisation, "%"),
                            memory_of(gpu.memory), power, text_of(gpu.sm_clock), text_of(gpu.temperature),
                            text_of(gpu.processes));
        text += notes_of(gpu);
    }
    return text;
}

}  // namespace weir::agent
