// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include "policies/model/machine.h"

namespace weir {

// How data gets from one GPU to another, the slowest way first; the steps below NVLink are those of
// `nvidia-smi topo` (SYS, NODE, PHB, PXB, PIX).
enum class Nearness {
    kSystem,      // over the link between processors, or nothing is known
    kNuma,        // within a NUMA node, over several host bridges
    kHostBridge,  // over one host bridge
    kBridges,     // over several PCIe switches
    kBridge,      // over one PCIe switch
    kNvLink,      // over NVLinks, direct or switched
    kSame,        // one GPU
};

Nearness nearness(const Machine& machine, std::size_t a, std::size_t b);

// How good a set of GPUs is for a job that has them exchange data: as good as its worst pair. `speed` is that
// pair's bandwidth over NVLink in MB/s, and 0 if not all pairs have one. The greater the better; a subset is
// never worse.
struct GpuSetQuality {
    Nearness worst = Nearness::kSame;
    std::int64_t speed = 0;

    friend constexpr auto operator<=>(const GpuSetQuality&, const GpuSetQuality&) = default;
};

// `gpus` are positions in Machine::gpus.
GpuSetQuality quality(const Machine& machine, std::span<const std::size_t> gpus);

}  // namespace weir
