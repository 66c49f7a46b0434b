// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugin/gateway/record.h"
#include "plugin/gateway/rest/model.h"

namespace weir::gateway {

// What a copy's state at the site means for its local job. Absent while it is not over.
std::optional<Outcome> outcome_of(const rest::Job& job, const std::string& site);

// Free nodes by make, for the controller: those of that partition, or all where none is named.
std::vector<SiteRoom> rooms_of(const std::vector<rest::Node>& nodes, const std::string& partition);

}  // namespace weir::gateway
