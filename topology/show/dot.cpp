// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/show/show.h"
#include "topology/show/words.h"

namespace weir::topology {
namespace {

// A string of DOT's.
std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        result += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
    }
    return result + "\"";
}

std::string gpu_name(std::size_t number) {
    return "gpu" + std::to_string(number);
}

// The devices of a NUMA node, each below its innermost bridge.
std::string devices_at(const Machine& machine, std::optional<int> numa, const std::string& root) {
    std::string text;
    const auto hang = [&](const PciPlace& place, const std::string& name, const std::string& label) {
        std::string above = root;
        if (!place.bridges.empty()) {
            const std::string bridge = quoted(to_text(place.bridges.back()));
            text += "    " + bridge + " [shape=ellipse];\n    " + root + " -- " + bridge + ";\n";
            above = bridge;
        }
        text += "    " + name + " [label=" + quoted(label) + "];\n    " + above + " -- " + name + ";\n";
    };
    for (std::size_t gpu = 0; gpu < machine.gpus.size(); ++gpu) {
        const Gpu& one = machine.gpus[gpu];
        if (one.place.numa == numa)
            hang(one.place, gpu_name(gpu),
                 "GPU " + std::to_string(gpu) + (one.model.empty() ? "" : " " + one.model));
    }
    for (std::size_t nic = 0; nic < machine.nics.size(); ++nic) {
        const Nic& one = machine.nics[nic];
        if (one.place.numa == numa)
            hang(one.place, "nic" + std::to_string(nic),
                 "NIC " + (one.name.empty() ? word_of(one.kind) : one.name));
    }
    return text;
}

}  // namespace

std::string to_dot(const Machine& machine) {
    std::string text =
        "strict graph machine {\n  graph [label=" + quoted(machine.name.empty() ? "machine" : machine.name) +
        "];\n  node [shape=box];\n";
    for (const NumaNode& numa : machine.numa) {
        const std::string number = std::to_string(numa.number);
        const std::string root = "numa" + number;
        text += "  subgraph cluster_" + root + " {\n    label=" + quoted("NUMA node " + number) + ";\n    " +
                root + " [label=" + quoted(counted(cores_of(machine, numa.number).size(), "core")) + "];\n" +
                devices_at(machine, numa.number, root) + "  }\n";
    }
    text += devices_at(machine, std::nullopt, "machine");
    for (const GpuLink& link : machine.links)
        text += "  " + gpu_name(link.a) + " -- " + gpu_name(link.b) +
                " [color=green, constraint=false, label=" + quoted(std::to_string(link.lanes)) + "];\n";
    return text + "}\n";
}

}  // namespace weir::topology
