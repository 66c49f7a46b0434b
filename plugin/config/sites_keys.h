// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "plugin/config/policy.h"
#include "plugin/config/reader.h"
#include "plugin/config/sites_check.h"

namespace weir::config {

// `sites:`, by name, with what checking them needs besides. What could not be read keeps its default.
void read_sites(const Value& value, Policy& into, std::vector<SiteExtras>& extras);

}  // namespace weir::config
