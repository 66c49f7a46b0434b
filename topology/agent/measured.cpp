// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "topology/agent/measure.h"
#include "topology/show/show.h"

namespace weir::agent {
namespace {

using nlohmann::json;

// The GPUs of one type, by their means.
struct Type {
    std::string name;
    int gpus = 0;
    double products = 0;
    double memory = 0;
    std::optional<double> idle_watts;  // the least
};

std::vector<Type> types_of(const Measured& measured, const IdlePower& idle) {
    std::vector<Type> types;
    for (const MeasuredGpu& gpu : measured.gpus) {
        const std::string name = topology::gpu_type(gpu.model);
        auto type = std::ranges::find(types, name, &Type::name);
        if (type == types.end()) type = types.insert(types.end(), {name, 0, 0, 0, {}});
        ++type->gpus;
        type->products += (gpu.bf16 - type->products) / type->gpus;
        type->memory += (gpu.memory - type->memory) / type->gpus;
        const auto watts = gpu.address ? idle.find(*gpu.address) : idle.end();
        if (watts != idle.end())
            type->idle_watts = std::min(type->idle_watts.value_or(watts->second), watts->second);
    }
    return types;
}

std::string type_lines(const std::vector<Type>& types) {
    std::string text = "gpu_types:\n";
    for (const Type& type : types) {
        text += fmt::format("  # {:.0f} bf16 TFLOP/s, {:.0f} GB/s: what to compare other nodes with\n",
                            type.products, type.memory);
        text += fmt::format("  {}: {{training: {:.2f}, inference: {:.2f}", type.name,
                            type.products / types.front().products, type.memory / types.front().memory);
        if (type.idle_watts) text += fmt::format(", idle_watts: {:.0f}", *type.idle_watts);
        text += "}\n";
    }
    return text;
}

}  // namespace

Result<Measured> parse_measured(std::string_view text) {
    const auto refused = [](const std::string& why) {
        return failure("weir-measure-gpus did not print what is expected: " + why);
    };
    try {
        const json file = json::parse(text);
        Measured measured;
        for (const json& gpu : file.at("gpus"))
            measured.gpus.push_back({gpu.at("model"), parse_pci_address(gpu.at("pci").get<std::string>()),
                                     gpu.at("fp16_tflops"), gpu.at("bf16_tflops"), gpu.at("tf32_tflops"),
                                     gpu.at("memory_gigabytes_per_second")});
        for (const json& pair : file.at("pairs"))
            measured.pairs.push_back({pair.at("from"), pair.at("to"), pair.at("gigabytes_per_second")});
        if (measured.gpus.empty()) return refused("no GPU");
        return measured;
    } catch (const json::exception& error) {
        return refused(error.what());
    }
}

std::string to_report(const Measured& measured, const IdlePower& idle) {
    constexpr auto kRow = "{:>3}  {:<28}  {:>6}  {:>6}  {:>6}  {:>11}\n";
    std::string text = "TFLOP/s of matrix products, GB/s read and written in device memory\n\n";
    text += fmt::format(kRow, "GPU", "model", "fp16", "bf16", "tf32", "memory GB/s");
    const auto whole = [](double value) { return fmt::format("{:.0f}", value); };
    for (std::size_t index = 0; index < measured.gpus.size(); ++index) {
        const MeasuredGpu& gpu = measured.gpus[index];
        text += fmt::format(kRow, index, gpu.model.substr(0, 28), whole(gpu.fp16), whole(gpu.bf16),
                            whole(gpu.tf32), whole(gpu.memory));
    }
    if (!measured.pairs.empty()) text += "\nGB/s copied from GPU to GPU\n\n";
    for (const MeasuredPair& pair : measured.pairs)
        text += fmt::format("{:>3} to {:<3} {:>6.0f}\n", pair.from, pair.to, pair.speed);
    return text + "\n" + type_lines(types_of(measured, idle));
}

}  // namespace weir::agent
