// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "topology/reading.h"
#include "topology/xml/document.h"

namespace weir::topology {

// This machine, as hwloc discovers it. It goes through hwloc's XML, so that what a test reads is what is read
// live.
Result<Reading> discover();

}  // namespace weir::topology
