// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/live/this_machine.h"

#include "topology/hwloc/live.h"
#include "topology/nvml/machine.h"

namespace weir::topology {

Reading with_gpus(Reading discovered, const Result<NvmlLibrary>& nvml) {
    if (!nvml) {
        if (!discovered.machine.gpus.empty()) discovered.remarks.push_back(nvml.error().message);
        return discovered;
    }
    const auto gpus = read_nvml(*nvml);
    if (!gpus) {
        discovered.remarks.push_back(gpus.error().message);
        return discovered;
    }
    discovered.machine = merged(gpus->machine, discovered.machine);
    discovered.remarks.insert(discovered.remarks.end(), gpus->remarks.begin(), gpus->remarks.end());
    return discovered;
}

Result<Reading> this_machine() {
    auto reading = discover();
    if (!reading) return reading;
    return with_gpus(std::move(*reading), NvmlLibrary::open());
}

}  // namespace weir::topology
