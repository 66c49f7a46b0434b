// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "plugin/result.h"
#include "policies/model/remote.h"

namespace weir::observe {

// What a gateway answers to GET /sites, heard at that time. Its clock may differ from ours, so how a site
// stands counts from when it was told; the times of runs are left as they are.
Result<std::vector<SiteLook>> read_sites(const std::string& document, Time heard);

}  // namespace weir::observe
