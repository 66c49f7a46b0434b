// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/topology.h"

#include "topology/hwloc/hwloc_xml.h"
#include "topology/live/this_machine.h"
#include "topology/nccl/nccl_xml.h"
#include "topology/xml/attributes.h"

namespace weir::cli {

Result<topology::Reading> machine_from(const std::string& path) {
    if (path.empty()) return topology::this_machine();
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
