// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "policies/model/units.h"

namespace weir::observe {

// A site as far as looking at Slurm goes.
struct GatewaySite {
    std::string site;
    std::string partition;
    std::vector<std::string> users;  // local ones, who may go there
};

// By what jobs and partitions are known as sites'.
struct Gateways {
    std::string installation;  // whose nominations count
    std::vector<GatewaySite> sites;
};

}  // namespace weir::observe
