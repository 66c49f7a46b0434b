// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/result.h"
#include "topology/reading.h"

namespace weir::cli {

// What a file tells of a machine: hwloc's XML or NCCL's; of this machine if `path` is empty.
Result<topology::Reading> machine_from(const std::string& path);

}  // namespace weir::cli
