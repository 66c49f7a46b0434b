// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "topology/nvml/sample.h"

namespace weir::agent {

// A sample for people: a line a GPU, and lines below for what is out of the ordinary; at most 80 columns.
std::string to_table(const std::vector<topology::GpuSample>& gpus);

}  // namespace weir::agent
