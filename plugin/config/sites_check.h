// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "plugin/config/policy.h"
#include "plugin/config/reader.h"

namespace weir::config {

// What a site's entry says for its own checks alone.
struct SiteExtras {
    bool shared_accounts = false;  // several local users may be one user there
    std::string currency;          // of its prices; empty: not said
};

// Finds what no single key of the sites shows: two that share nodes or a partition, or a
// gateway host and not its port; two accounts that share a secret, two users that share an account. `extras`
// has an entry for each site.
void check_sites(const Policy& policy, const std::vector<SiteExtras>& extras, Findings& findings);

}  // namespace weir::config
