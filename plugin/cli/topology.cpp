// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/topology.h"

#include "topology/hwloc/hwloc_xml.h"
#include "topology/hwloc/live.h"
#include "topology/nccl/nccl_xml.h"
#include "topology/nvml/machine.h"
#include "topology/xml/attributes.h"

namespace weir::cli {
namespace {

// hwloc tells of the places, NVML of the GPUs; a machine without NVIDIA's driver has only the former.
Result<topology::Reading> this_machine() {
    auto reading = topology::discover();
    if (!reading) return reading;
    const auto library = topology::NvmlLibrary::open();
    if (!library) {
        if (!reading->machine.gpus.empty()) reading->remarks.push_back(library.error().message);
        return reading;
    }
    const auto gpus = topology::read_nvml(*library);
    if (!gpus) {
        reading->remarks.push_back(gpus.error().message);
        return reading;
    }
    reading->machine = merged(gpus->machine, reading->machine);
    reading->remarks.insert(reading->remarks.end(), gpus->remarks.begin(), gpus->remarks.end());
    return reading;
}

}  // namespace

Result<topology::Reading> machine_from(const std::string& path) {
    if (path.empty()) return this_machine();
    const auto document = topology::Document::read(path);
    if (!document) return tl::make_unexpected(document.error());
    const std::string root = document->root().name();
    if (root == "topology") return topology::read_hwloc_xml(*document);
    if (root == "system") return topology::read_nccl_xml(*document);
    if (root == "graphs")
        return failure(
            document->place(document->root()) +
            ": a graph of NCCL, which tells of its rings and not of the machine; a topology file has "
            "<system> (NCCL_TOPO_DUMP_FILE writes one)");
    return failure(document->place(document->root()) + ": <" + topology::printable(root).substr(0, 40) +
                   ">; hwloc writes <topology>, NCCL <system>");
}

}  // namespace weir::cli
