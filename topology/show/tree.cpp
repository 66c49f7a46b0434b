// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <map>
#include <set>

#include "topology/show/show.h"
#include "topology/show/words.h"

namespace weir::topology {
namespace {

// A GPU or a NIC: where it hangs, and its line.
struct Device {
    const PciPlace* place = nullptr;
    std::string line;
};
using Devices = std::vector<Device>;

std::string address_of(const PciPlace& place) {
    return place.address ? to_text(*place.address) : "address unknown";
}

std::string gpu_line(std::size_t number, const Gpu& gpu) {
    std::string line = "GPU " + std::to_string(number) + "  " + address_of(gpu.place);
    for (const std::string& part : {gpu.model, size_of(gpu.memory)})
        if (!part.empty()) line += "  " + part;
    if (gpu.minor && *gpu.minor != static_cast<int>(number))
        line += "  /dev/nvidia" + std::to_string(*gpu.minor);
    for (const MigInstance& instance : gpu.mig) line += "  MIG " + instance.profile;
    return line;
}

std::string nic_line(const Nic& nic) {
    return "NIC " + (nic.name.empty() ? "" : nic.name + "  ") + address_of(nic.place) +
           (nic.kind == NicKind::kOther ? "" : "  " + word_of(nic.kind));
}

Devices devices_at(const Machine& machine, std::optional<int> numa) {
    Devices found;
    for (std::size_t gpu = 0; gpu < machine.gpus.size(); ++gpu)
        if (machine.gpus[gpu].place.numa == numa)
            found.push_back({&machine.gpus[gpu].place, gpu_line(gpu, machine.gpus[gpu])});
    for (const Nic& nic : machine.nics)
        if (nic.place.numa == numa) found.push_back({&nic.place, nic_line(nic)});
    return found;
}

class Tree {
  public:
    explicit Tree(int width) : width_(static_cast<std::size_t>(width)) {}

    void line(std::size_t indent, std::string text) {
        text.insert(0, indent, ' ');
        if (text.size() > width_) text.replace(width_ - 1, std::string::npos, "+");
        text_ += text + "\n";
    }

    // Devices whose places are the same above `level`; a bridge has a line where it has several devices that
    // no bridge below it has all of.
    void devices(const Devices& all, std::size_t level, std::size_t indent) {
        std::vector<std::pair<const PciAddress*, Devices>> groups;
        for (const Device& device : all) {
            const auto& bridges = device.place->bridges;
            const PciAddress* bridge = level < bridges.size() ? &bridges[level] : nullptr;
            const auto same = std::ranges::find_if(
                groups, [&](const auto& group) { return bridge && group.first && *group.first == *bridge; });
            if (same != groups.end())
                same->second.push_back(device);
            else
                groups.push_back({bridge, {device}});
        }
        if (groups.size() == 1 && groups.front().first) return devices(all, level + 1, indent);
        const bool under_one = level > 0 && all.size() > 1;
        if (under_one) line(indent, "PCIe bridge " + to_text(all.front().place->bridges[level - 1]));
        const std::size_t inside = under_one ? indent + 2 : indent;
        for (const auto& [bridge, members] : groups) {
            if (members.size() == 1)
                line(inside, members.front().line);
            else
                devices(members, level + 1, inside);
        }
    }

    // A sentence, over as many lines as it takes.
    void words(const std::string& lead, const std::vector<std::string>& words) {
        std::string text = lead;
        for (const std::string& word : words) {
            if (text.size() + 1 + word.size() > width_) {
                line(0, text);
                text = " ";
            }
            text += " " + word;
        }
        line(0, text);
    }

    const std::string& text() const { return text_; }

  private:
    std::size_t width_;
    std::string text_;
};

void numa_nodes(const Machine& machine, Tree& tree) {
    for (const NumaNode& numa : machine.numa) {
        std::string line = "NUMA node " + std::to_string(numa.number);
        std::string lead = ": ";
        const std::string cores = ranges(cores_of(machine, numa.number));
        for (const std::string& part :
             {numa.package ? "package " + std::to_string(*numa.package) : std::string(), size_of(numa.memory),
              cores.empty() ? cores : "cores " + cores}) {
            if (part.empty()) continue;
            line += lead + part;
            lead = ", ";
        }
        tree.line(0, line);
        tree.devices(devices_at(machine, numa.number), 0, 2);
    }
    if (const Devices elsewhere = devices_at(machine, std::nullopt); !elsewhere.empty()) {
        tree.line(0, "Of no known NUMA node");
        tree.devices(elsewhere, 0, 2);
    }
}

// Links of one kind: in one line where they link some GPUs all to all, else pair by pair.
void links(const Machine& machine, Tree& tree) {
    std::map<std::pair<bool, int>, std::vector<const GpuLink*>> kinds;
    for (const GpuLink& link : machine.links) kinds[{!link.switched, link.lanes}].push_back(&link);
    for (const auto& [kind, members] : kinds) {
        std::set<int> ends;
        std::vector<std::string> pairs;
        for (const GpuLink* link : members) {
            ends.insert({static_cast<int>(link->a), static_cast<int>(link->b)});
            pairs.push_back(std::to_string(link->a) + "-" + std::to_string(link->b));
        }
        const std::string lead = std::string(kind.first ? "NVLink" : "NVSwitch") + ", " +
                                 counted(static_cast<std::size_t>(kind.second), "lane");
        if (members.size() == ends.size() * (ends.size() - 1) / 2 && ends.size() > 2)
            tree.words(lead + ": all of GPUs", {ranges({ends.begin(), ends.end()})});
        else
            tree.words(lead + ": GPUs", pairs);
    }
}

}  // namespace

std::string to_tree(const Machine& machine, int width) {
    Tree tree(width);
    std::string head = machine.name.empty() ? "Machine" : machine.name;
    std::string lead = ": ";
    const std::pair<std::size_t, const char*> parts[] = {{machine.packages.size(), "package"},
                                                         {machine.numa.size(), "NUMA node"},
                                                         {machine.cores.size(), "core"},
                                                         {machine.gpus.size(), "GPU"},
                                                         {machine.nics.size(), "NIC"}};
    for (const auto& [count, thing] : parts) {
        if (count == 0 && std::string_view(thing) != "GPU") continue;
        head += lead + (count == 0 ? "no GPU" : counted(count, thing));
        lead = ", ";
    }
    tree.line(0, head);
    numa_nodes(machine, tree);
    links(machine, tree);
    return tree.text();
}

}  // namespace weir::topology
