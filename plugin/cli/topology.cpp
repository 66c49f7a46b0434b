// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/topology.h"

#include <chrono>

#include "plugin/cli/apart.h"
#include "plugin/net/http.h"
#include "plugin/slurm/query.h"
#include "plugin/slurm/session.h"
#include "topology/hwloc/hwloc_xml.h"
#include "topology/live/this_machine.h"
#include "topology/nccl/nccl_xml.h"
#include "topology/show/show.h"
#include "topology/xml/attributes.h"

namespace weir::cli {

Result<topology::Reading> machine_of_node(const std::string& node, int port) {
    using namespace std::chrono_literals;
    const auto known = run_apart(
        [&] {
            const slurm::Session session;
            return slurm::node_address(node).value_or("");
        },
        20s);
    const std::string address = known && !known->empty() ? *known : node;
    const bool v6 = address.find(':') != std::string::npos;
    const std::string url =
        "http://" + (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port) + "/topology";
    const auto answer = net::get(url, {.patience = 10s});
    if (!answer)
        return failure(answer.error().message + "; a node is asked through its weir-agent, whose port is " +
                       "telemetry.agents of weir.yaml, or 9810");
    auto machine = topology::from_json(*answer);
    if (!machine)
        return failure(url + ": this is no machine as weir-agent tells of it: " + machine.error().message);
    return topology::Reading{std::move(*machine), {}};
}

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
