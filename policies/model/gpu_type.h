// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>

#include "policies/model/units.h"

namespace weir::policies {

// What weir.yaml says of a type of GPU. Speeds are relative to the first type.
struct GpuType {
    double training = 1;
    double inference = 1;
    std::optional<Watts> idle_watts;  // what it draws with nothing to do

    bool operator==(const GpuType&) const = default;
};
using GpuTypeTable = std::map<std::string, GpuType>;  // by Slurm's type

}  // namespace weir::policies
