// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "topology/nvml/functions.h"

namespace weir::topology {

// What NVML calls a device: empty where it does not say.
std::string name_of(const NvmlFunctions& call, nvmlDevice_t device);
std::string uuid_of(const NvmlFunctions& call, nvmlDevice_t device);

// The profile of a MIG instance, by its name: "1g.10gb" of "NVIDIA H100 80GB HBM3 MIG 1g.10gb".
std::string profile_of(const std::string& name);

// Whether MIG divides a GPU; what NVML answers otherwise.
nvmlReturn_t read_mig_mode(const NvmlFunctions& call, nvmlDevice_t device, bool& on);

// The MIG instances of a GPU in MIG mode.
std::vector<nvmlDevice_t> mig_instances(const NvmlFunctions& call, nvmlDevice_t device);

}  // namespace weir::topology
