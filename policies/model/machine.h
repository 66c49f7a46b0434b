// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/model/units.h"

namespace weir {

// Where a device sits on PCI: domain:bus:device.function.
struct PciAddress {
    std::uint32_t domain = 0;
    std::uint8_t bus = 0;
    std::uint8_t device = 0;
    std::uint8_t function = 0;

    friend constexpr auto operator<=>(const PciAddress&, const PciAddress&) = default;
};

// Reads "0000:3b:00.0" in all its spellings: upper case, NVML's domain of eight digits, no domain ("3b:00.0",
// domain 0), no function (function 0). Absent for anything else.
std::optional<PciAddress> parse_pci_address(std::string_view text);

// "0000:3b:00.0"
std::string to_text(const PciAddress& address);

// A processor package; `number` as the operating system counts.
struct Package {
    int number = 0;
    std::string model;

    bool operator==(const Package&) const = default;
};

// A NUMA node; `number` as the operating system counts.
struct NumaNode {
    int number = 0;
    std::optional<int> package;
    Bytes memory;

    bool operator==(const NumaNode&) const = default;
};

// A core, at its position in Machine::cores, which is what gres.conf's Cores= counts. `numa` is a NumaNode's
// number.
struct Core {
    std::optional<int> numa;
    std::vector<int> threads;  // as the operating system counts, ascending

    bool operator==(const Core&) const = default;
};

// Where a device hangs: the host bridge, by the first PCI bus behind it, and the PCI bridges from there down.
// Two devices under one bridge have it at the same place of their lists.
struct PciPlace {
    std::optional<PciAddress> address;
    std::optional<PciAddress> host_bridge;
    std::vector<PciAddress> bridges;
    std::optional<int> numa;  // a NumaNode's number

    bool operator==(const PciPlace&) const = default;
};

// A part of a GPU that MIG has made a device of its own.
struct MigInstance {
    std::string uuid;
    std::string profile;  // "1g.10gb"
    Bytes memory;

    bool operator==(const MigInstance&) const = default;
};

struct Gpu {
    std::optional<int> minor;  // N of /dev/nvidiaN; absent where the source does not know it
    std::string uuid;
    std::string model;
    Bytes memory;
    PciPlace place;
    std::vector<MigInstance> mig;

    bool operator==(const Gpu&) const = default;
};

enum class NicKind { kEthernet, kInfiniband, kOther };

struct Nic {
    std::string name;  // "mlx5_0", "eth0"; empty where the source names none
    NicKind kind = NicKind::kOther;
    PciPlace place;

    bool operator==(const Nic&) const = default;
};

// NVLinks from one GPU to another, directly or through NVSwitches. `a` < `b` are positions in Machine::gpus.
struct GpuLink {
    std::size_t a = 0;
    std::size_t b = 0;
    int lanes = 0;
    bool switched = false;
    std::int64_t megabytes_per_second = 0;  // one way, all lanes; 0 where the source does not know it

    bool operator==(const GpuLink&) const = default;
};

// What one computer is made of, as far as a source knows. Packages and NUMA nodes stand by number, cores in
// hwloc's logical order, GPUs and NICs by PCI address (what has none last, in the source's order), links by
// (a, b).
struct Machine {
    std::string name;  // of the product or the host; may be empty
    std::vector<Package> packages;
    std::vector<NumaNode> numa;
    std::vector<Core> cores;
    std::vector<Gpu> gpus;
    std::vector<Nic> nics;
    std::vector<GpuLink> links;

    bool operator==(const Machine&) const = default;
};

// Puts everything into the order that Machine promises; links follow their GPUs.
void put_in_order(Machine& machine);

// The positions of the cores of a NUMA node in Machine::cores.
std::vector<int> cores_of(const Machine& machine, int numa);

// What `first` knows, and what only `second` does: GPUs are the same ones if their PCI address is, and what
// `first` leaves open of a GPU (UUID, model, memory, place, MIG ...) `second` fills in. GPUs of `second`
// alone are added, as are its packages, NUMA nodes, cores, NICs and links where `first` has none of that
// kind.
Machine merged(Machine first, const Machine& second);

}  // namespace weir
