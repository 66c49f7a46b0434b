// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <catch2/catch.hpp>

#include "policies/model/machine.h"

using namespace weir;

TEST_CASE("a PCI address is read in all its spellings", "[machine]") {
    const PciAddress address{0, 0x3b, 0, 0};
    for (const char* text :
         {"0000:3b:00.0", "0000:3B:00.0", "00000000:3B:00.0", "3b:00.0", "0:3b:0", "0000:3b:00"})
        CHECK(parse_pci_address(text) == address);
    CHECK(parse_pci_address("ffff:ff:1f.7") == PciAddress{0xffff, 0xff, 0x1f, 7});
    CHECK(to_text(address) == "0000:3b:00.0");
    CHECK(to_text(PciAddress{0x10000, 0xff, 0x1f, 7}) == "10000:ff:1f.7");
}

TEST_CASE("what is no PCI address is none", "[machine]") {
    for (const char* text :
         {"", ":", "3b", "3b:00.8", "3b:20.0", "100:00.0", "x:3b:00.0", "0000:3b:00.", " 3b:00.0",
          "-1:3b:00.0", "1:0000:3b:00.0", "3b:00.0 ", "0x3b:00.0", "123456789:00:00.0"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_pci_address(text));
    }
}

namespace {

Gpu gpu_at(std::uint8_t bus) {
    Gpu gpu;
    gpu.place.address = PciAddress{0, bus, 0, 0};
    return gpu;
}

}  // namespace

TEST_CASE("links follow their GPUs into the order of PCI addresses", "[machine]") {
    Machine machine;
    machine.gpus = {gpu_at(9), Gpu{}, gpu_at(1), gpu_at(5)};
    machine.links = {{0, 3, 4, false, 0}, {1, 2, 2, false, 0}};
    put_in_order(machine);
    CHECK(machine.gpus == std::vector{gpu_at(1), gpu_at(5), gpu_at(9), Gpu{}});
    CHECK(machine.links == std::vector<GpuLink>{{0, 3, 2, false, 0}, {1, 2, 4, false, 0}});
}

TEST_CASE("two sources of one machine are one machine, by PCI address", "[machine]") {
    Machine hwloc;
    hwloc.name = "DGX";
    hwloc.numa = {{0, 0, Bytes{1024}}};
    hwloc.cores = {{0, {0, 1}}};
    hwloc.gpus = {gpu_at(1), gpu_at(9)};
    for (Gpu& gpu : hwloc.gpus) gpu.place.numa = 0;
    Machine nvml;
    nvml.gpus = {gpu_at(5), gpu_at(9)};
    nvml.gpus[0].uuid = "GPU-5";
    nvml.gpus[1].uuid = "GPU-9";
    nvml.gpus[1].minor = 3;
    nvml.links = {{0, 1, 6, false, 0}};
    const Machine both = merged(hwloc, nvml);
    CHECK(both.name == "DGX");
    CHECK(both.cores == hwloc.cores);
    REQUIRE(both.gpus.size() == 3);
    CHECK(both.gpus[0] == hwloc.gpus[0]);
    CHECK(both.gpus[1] == nvml.gpus[0]);
    CHECK(both.gpus[2].uuid == "GPU-9");
    CHECK(both.gpus[2].minor == 3);
    CHECK(both.gpus[2].place.numa == 0);
    CHECK(both.links == std::vector<GpuLink>{{1, 2, 6, false, 0}});
    CHECK(merged(both, nvml) == both);
    CHECK(merged(both, Machine{}) == both);
    CHECK(merged(Machine{}, both) == both);
}
