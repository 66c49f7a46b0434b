// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/result.h"
#include "topology/reading.h"

namespace weir::cli {

// What the agent of a node tells of it. `node` is one of Slurm's, whose NodeAddr is asked, or where there is
// no Slurm a host.
Result<topology::Reading> machine_of_node(const std::string& node, int port);

// What a file tells of a machine: hwloc's XML or NCCL's; of this machine if `path` is empty.
Result<topology::Reading> machine_from(const std::string& path);

}  // namespace weir::cli
