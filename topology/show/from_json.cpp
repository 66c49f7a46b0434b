// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/show/show.h"

namespace weir::topology {
namespace {

using nlohmann::json;

// Absent and null are the value that a source does not know.
template <class Value>
Value value_of(const json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? Value() : found->get<Value>();
}

template <class Value>
std::optional<Value> optional_of(const json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() || found->is_null() ? std::nullopt : std::optional(found->get<Value>());
}

std::optional<PciAddress> address_of(const json& object, const char* key) {
    const auto text = value_of<std::string>(object, key);
    return text.empty() ? std::nullopt : parse_pci_address(text);
}

PciPlace place_of(const json& object) {
    PciPlace place;
    place.address = address_of(object, "pci");
    place.host_bridge = address_of(object, "host_bridge");
    for (const json& bridge : object.at("bridges"))
        if (const auto address = parse_pci_address(bridge.get<std::string>()))
            place.bridges.push_back(*address);
    place.numa = optional_of<int>(object, "numa");
    return place;
}

Gpu gpu_of(const json& object) {
    Gpu gpu;
    gpu.place = place_of(object);
    gpu.minor = optional_of<int>(object, "minor");
    gpu.uuid = value_of<std::string>(object, "uuid");
    gpu.model = value_of<std::string>(object, "model");
    gpu.memory = Bytes{value_of<std::int64_t>(object, "memory_bytes")};
    for (const json& mig : object.at("mig"))
        gpu.mig.push_back(
            {mig.at("uuid"), mig.at("profile"), Bytes{value_of<std::int64_t>(mig, "memory_bytes")}});
    return gpu;
}

Nic nic_of(const json& object) {
    const auto kind = value_of<std::string>(object, "kind");
    return {value_of<std::string>(object, "name"),
            kind == "ethernet"     ? NicKind::kEthernet
            : kind == "infiniband" ? NicKind::kInfiniband
                                   : NicKind::kOther,
            place_of(object)};
}

Machine machine_of(const json& object) {
    Machine machine;
    machine.name = value_of<std::string>(object, "name");
    for (const json& package : object.at("packages"))
        machine.packages.push_back({package.at("number"), value_of<std::string>(package, "model")});
    for (const json& numa : object.at("numa"))
        machine.numa.push_back({numa.at("number"), optional_of<int>(numa, "package"),
                                Bytes{value_of<std::int64_t>(numa, "memory_bytes")}});
    for (const json& core : object.at("cores"))
        machine.cores.push_back({optional_of<int>(core, "numa"), core.at("threads").get<std::vector<int>>()});
    for (const json& gpu : object.at("gpus")) machine.gpus.push_back(gpu_of(gpu));
    for (const json& nic : object.at("nics")) machine.nics.push_back(nic_of(nic));
    for (const json& link : object.at("links"))
        machine.links.push_back({link.at("a"), link.at("b"), link.at("lanes"), link.at("switched"),
                                 value_of<std::int64_t>(link, "megabytes_per_second")});
    return machine;
}

}  // namespace

Result<Machine> from_json(std::string_view text) {
    try {
        Machine machine = machine_of(json::parse(text));
        for (const GpuLink& link : machine.links) {
            if (link.a >= link.b || link.b >= machine.gpus.size())
                return failure("a link from GPU " + std::to_string(link.a) + " to " + std::to_string(link.b) +
                               " of " + std::to_string(machine.gpus.size()));
        }
        return machine;
    } catch (const json::exception& error) {
        return failure(error.what());
    }
}

}  // namespace weir::topology
