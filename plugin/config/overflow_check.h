// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "plugin/config/policy.h"
#include "plugin/config/reader.h"

namespace weir::config {

// Finds what no single key of `overflow:` shows: names and partitions named twice, sites that there are not,
// gateway partitions that another policy would touch.
void check_overflow(const Policy& policy, Findings& findings);

// What a place's prices are in, as the key at that path says; empty: not said.
struct NamedCurrency {
    std::string path;
    std::string currency;
};

// The one currency of the file, in which every amount in it is; empty where none is named.
std::string one_currency(const std::vector<NamedCurrency>& named, Findings& findings);

}  // namespace weir::config
