// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "policies/model/snapshot.h"

namespace weir::policies {

// "1 node", "3 nodes".
std::string counted(int count, const std::string& thing);

// "1 node with 8 h100 GPUs", "2 nodes with 4 GPUs each", "8 h100 GPUs", "1 node".
std::string asked(const Request& request);

// "t3", "t3 and t4", "t3, t4 and 5 more".
std::string listed(const std::vector<std::string>& names);

}  // namespace weir::policies
