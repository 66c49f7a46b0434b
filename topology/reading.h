// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "policies/model/machine.h"

namespace weir::topology {

// What a source says of a machine, and sentences about what it leaves open.
struct Reading {
    Machine machine;
    std::vector<std::string> remarks;
};

}  // namespace weir::topology
