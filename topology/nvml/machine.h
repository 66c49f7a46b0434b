// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "topology/nvml/library.h"
#include "topology/reading.h"

namespace weir::topology {

// The GPUs of this machine, their MIG instances and NVLinks, as the driver knows them; no cores and no
// places, which hwloc knows. A GPU that has fallen off the bus is left out with a remark. GPUs with lanes to
// an NVSwitch are all linked, since the switches of one machine are one fabric.
Result<Reading> read_nvml(const NvmlLibrary& nvml);

}  // namespace weir::topology
