// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "topology/reading.h"
#include "topology/xml/document.h"

namespace weir::topology {

// Reads what hwloc 2 or 3 exports (`lstopo --of xml`), whose root is <topology>. Not by hwloc itself: that of
// Debian 12 refuses version 3. NVLinks come from its NVLinkBandwidth matrix, in MB/s; GPUs behind NVSwitches
// are all linked, since the switches of one machine are one fabric.
Result<Reading> read_hwloc_xml(const Document& document);

}  // namespace weir::topology
