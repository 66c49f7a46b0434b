// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "topology/nvml/library.h"
#include "topology/reading.h"

namespace weir::topology {

// What hwloc discovered of this machine, with all that NVML knows of its GPUs; a remark where NVML fails.
Reading with_gpus(Reading discovered, const NvmlLibrary& nvml);

// This machine, as hwloc and NVML know it. That there is no NVML is remarked upon where there are GPUs.
Result<Reading> this_machine();

}  // namespace weir::topology
