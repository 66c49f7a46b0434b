// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "plugin/gateway/board.h"

namespace weir::gateway {

// What GET /sites answers: how each site stands, the copies that are there, and those that ended with a
// sequence above `after`, oldest first, 1,000 at most, and whether there may be more. JSON.
std::string report(Board& board, const std::string& host, const std::vector<std::string>& sites,
                   std::uint64_t after);

}  // namespace weir::gateway
