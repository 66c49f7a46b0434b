// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/show/show.h"
#include "topology/show/words.h"

namespace weir::topology {
namespace {

using nlohmann::json;

template <class Value>
json value_or_null(const std::optional<Value>& value) {
    return value ? json(*value) : json();
}

json text_or_null(const std::string& text) {
    return text.empty() ? json() : json(text);
}

json bytes_or_null(Bytes bytes) {
    return bytes.value == 0 ? json() : json(bytes.value);
}

json place_of(const PciPlace& place) {
    json bridges = json::array();
    for (const PciAddress& bridge : place.bridges) bridges.push_back(to_text(bridge));
    return {{"pci", place.address ? json(to_text(*place.address)) : json()},
            {"host_bridge", place.host_bridge ? json(to_text(*place.host_bridge)) : json()},
            {"bridges", std::move(bridges)},
            {"numa", value_or_null(place.numa)}};
}

json to_json(const Gpu& gpu) {
    json mig = json::array();
    for (const MigInstance& instance : gpu.mig)
        mig.push_back({{"uuid", instance.uuid},
                       {"profile", instance.profile},
                       {"memory_bytes", bytes_or_null(instance.memory)}});
    json object = place_of(gpu.place);
    object.update({{"minor", value_or_null(gpu.minor)},
                   {"uuid", text_or_null(gpu.uuid)},
                   {"model", text_or_null(gpu.model)},
                   {"memory_bytes", bytes_or_null(gpu.memory)},
                   {"mig", std::move(mig)}});
    return object;
}

}  // namespace

json to_json(const Machine& machine) {
    json object{{"name", text_or_null(machine.name)}};
    for (const char* list : {"packages", "numa", "cores", "gpus", "nics", "links"})
        object[list] = json::array();
    for (const Package& package : machine.packages)
        object["packages"].push_back({{"number", package.number}, {"model", text_or_null(package.model)}});
    for (const NumaNode& numa : machine.numa)
        object["numa"].push_back({{"number", numa.number},
                                  {"package", value_or_null(numa.package)},
                                  {"memory_bytes", bytes_or_null(numa.memory)}});
    for (const Core& core : machine.cores)
        object["cores"].push_back({{"numa", value_or_null(core.numa)}, {"threads", core.threads}});
    for (const Gpu& gpu : machine.gpus) object["gpus"].push_back(to_json(gpu));
    for (const Nic& nic : machine.nics) {
        json entry = place_of(nic.place);
        entry.update({{"name", text_or_null(nic.name)}, {"kind", word_of(nic.kind)}});
        object["nics"].push_back(std::move(entry));
    }
    for (const GpuLink& link : machine.links)
        object["links"].push_back(
            {{"a", link.a},
             {"b", link.b},
             {"lanes", link.lanes},
             {"switched", link.switched},
             {"megabytes_per_second",
              link.megabytes_per_second == 0 ? json() : json(link.megabytes_per_second)}});
    return object;
}

}  // namespace weir::topology
