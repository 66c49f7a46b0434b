// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "topology/agent/board.h"

namespace weir::agent {

// Prometheus' text of a view, by the metric names and labels of NVIDIA's dcgm-exporter and, for what that
// does not tell, by names that begin with weir_. What is not known has no series. `node` is the label
// Hostname; `cpu_seconds` is what the agent itself has used.
std::string exposition(const View& view, const std::string& node, double cpu_seconds);

}  // namespace weir::agent
