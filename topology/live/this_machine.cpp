// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/live/this_machine.h"

#include <utility>

#include "topology/hwloc/live.h"
#include "topology/nvml/machine.h"

namespace weir::topology {

Reading with_gpus(Reading discovered, const NvmlLibrary& nvml) {
    const auto gpus = read_nvml(nvml);
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
    const auto library = NvmlLibrary::open();
    if (library) return with_gpus(std::move(*reading), *library);
    if (!reading->machine.gpus.empty()) reading->remarks.push_back(library.error().message);
    return reading;
}

}  // namespace weir::topology
