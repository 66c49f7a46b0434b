// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "topology/nvml/library.h"
#include "topology/reading.h"

namespace weir::topology {

// What hwloc discovered of this machine, with all that NVML knows of its GPUs. Where NVML is absent or fails a
// remark says so, unless there is no GPU.
Reading with_gpus(Reading discovered, const Result<NvmlLibrary>& nvml);

// This machine, as hwloc and NVML know it.
Result<Reading> this_machine();

}  // namespace weir::topology
