// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "topology/reading.h"
#include "topology/xml/document.h"

namespace weir::topology {

// Reads a topology file of NCCL (NCCL_TOPO_FILE, NCCL_TOPO_DUMP_FILE), whose root is <system>; the format is
// that of NCCL's src/graph/xml.cc and topo.cc. It knows NUMA nodes, PCI devices and, in dumps, NVLinks; no
// cores. A device without a class is left out with a remark, since NCCL asks the running system for it.
Result<Reading> read_nccl_xml(const Document& document);

}  // namespace weir::topology
