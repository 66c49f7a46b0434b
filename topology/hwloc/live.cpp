// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/hwloc/live.h"

#include <hwloc.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <type_traits>

#include "topology/hwloc/hwloc_xml.h"

namespace weir::topology {
namespace {

using Topology = std::unique_ptr<std::remove_pointer_t<hwloc_topology_t>, decltype(&hwloc_topology_destroy)>;

Result<std::string> exported() {
    hwloc_topology_t raw = nullptr;
    if (hwloc_topology_init(&raw) != 0) return failure(std::string("hwloc: ") + std::strerror(errno));
    const Topology topology(raw, hwloc_topology_destroy);
    if (hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_ALL) != 0 ||
        hwloc_topology_load(raw) != 0)
        return failure(std::string("hwloc cannot discover this machine: ") + std::strerror(errno));
    char* text = nullptr;
    int length = 0;
    if (hwloc_topology_export_xmlbuffer(raw, &text, &length, 0) != 0)
        return failure(std::string("hwloc cannot export what it discovered: ") + std::strerror(errno));
    std::string kept(text);  // `length` counts the NUL too
    hwloc_free_xmlbuffer(raw, text);
    return kept;
}

}  // namespace

Result<Reading> discover() {
    auto text = exported();
    if (!text) return tl::make_unexpected(text.error());
    const auto document = Document::parse(std::move(*text), "hwloc");
    if (!document) return tl::make_unexpected(document.error());
    return read_hwloc_xml(*document);
}

}  // namespace weir::topology
