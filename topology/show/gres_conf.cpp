// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <numeric>

#include "topology/show/show.h"

namespace weir::topology {
namespace {

// The lanes from one GPU to each in `order`, -1 for itself; empty if there are no links at all.
std::string links_of(const Machine& machine, std::size_t gpu, const std::vector<std::size_t>& order) {
    if (machine.links.empty()) return {};
    std::vector<int> lanes(machine.gpus.size(), 0);
    lanes[gpu] = -1;
    for (const GpuLink& link : machine.links) {
        if (link.a == gpu) lanes[link.b] = link.lanes;
        if (link.b == gpu) lanes[link.a] = link.lanes;
    }
    std::string text;
    for (const std::size_t other : order) text += (text.empty() ? "" : ",") + std::to_string(lanes[other]);
    return text;
}

}  // namespace

std::string to_gres_conf(const Machine& machine) {
    std::string text = "# gres.conf";
    if (!machine.name.empty()) text += " of " + machine.name;
    text += ", by weir topology\n";
    if (machine.gpus.empty()) return text + "# no GPU\n";
    const bool numbered =
        std::ranges::all_of(machine.gpus, [](const Gpu& gpu) { return gpu.minor.has_value(); });
    if (!numbered)
        text += "# /dev/nvidiaN by PCI address, as the driver counts; nvidia-smi -q tells Minor Number\n";
    const auto device_of = [&](std::size_t gpu) {
        return numbered ? *machine.gpus[gpu].minor : static_cast<int>(gpu);
    };
    // Links= counts in the order of the device files.
    std::vector<std::size_t> order(machine.gpus.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, device_of);
    for (const std::size_t gpu : order) {
        const Gpu& one = machine.gpus[gpu];
        if (!one.mig.empty()) text += "# in MIG mode; AutoDetect=nvml finds its instances\n";
        text += "Name=gpu";
        if (const std::string type = gpu_type(one.model); !type.empty()) text += " Type=" + type;
        text += " File=/dev/nvidia" + std::to_string(device_of(gpu));
        if (one.place.numa) {
            const std::string cores = ranges(cores_of(machine, *one.place.numa));
            if (!cores.empty()) text += " Cores=" + cores;
        }
        if (const std::string links = links_of(machine, gpu, order); !links.empty())
            text += " Links=" + links;
        text += "\n";
    }
    return text;
}

}  // namespace weir::topology
