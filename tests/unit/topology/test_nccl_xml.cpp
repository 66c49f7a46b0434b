// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "topology/nccl/nccl_xml.h"

using namespace weir;
using namespace weir::topology;

namespace {

Result<Reading> read(const std::string& text) {
    const auto document = Document::parse(text, "n.xml");
    return document ? read_nccl_xml(*document) : Result<Reading>(tl::make_unexpected(document.error()));
}

std::string error_of(const std::string& text) {
    const auto reading = read(text);
    return reading ? "none" : reading.error().message;
}

std::string gpu(int bus, const std::string& links) {
    return "<pci busid=\"0000:0" + std::to_string(bus) + ":00.0\" class=\"0x030200\"><gpu dev=\"0\">" +
           links + "</gpu></pci>";
}

std::string link(const std::string& target, int count, const std::string& kind = "0x030200") {
    return "<nvlink target=\"" + target + "\" count=\"" + std::to_string(count) + "\" tclass=\"" + kind +
           "\"/>";
}

std::string machine(const std::string& devices) {
    return "<system version=\"1\"><cpu numaid=\"0\">" + devices + "</cpu></system>";
}

}  // namespace

TEST_CASE("a machine is read from NCCL's topology", "[nccl]") {
    const auto reading = read(R"(<system version="1">
  <cpu numaid="1" affinity="0000ffff" arch="x86_64">
    <pci busid="ffff:ff:01.0" class="0x060400" link_speed="32.0 GT/s PCIe" link_width="16">
      <pci busid="0001:00:00.0" class="0x030200"/>
      <pci busid="0101:00:00.0" class="0x020700"><nic><net name="mlx5_0" speed="400000"/></nic></pci>
    </pci>
  </cpu>
  <cpu numaid="0"><pci busid="0000:10:1c.0" class="0x030200"/><nic><net name="eth0"/></nic></cpu>
</system>)");
    REQUIRE(reading);
    CHECK(reading->remarks.empty());
    Machine wanted;
    wanted.numa = {{0, {}, {}}, {1, {}, {}}};
    wanted.gpus.resize(2);
    wanted.gpus[0].place = {PciAddress{0, 0x10, 0x1c, 0}, {}, {}, 0};
    wanted.gpus[1].place = {PciAddress{1, 0, 0, 0}, {}, {PciAddress{0xffff, 0xff, 1, 0}}, 1};
    wanted.nics = {
        {"mlx5_0", NicKind::kInfiniband, {PciAddress{0x101, 0, 0, 0}, {}, {{0xffff, 0xff, 1, 0}}, 1}},
        {"eth0", NicKind::kOther, {{}, {}, {}, 0}}};
    CHECK(reading->machine == wanted);
}

TEST_CASE("NVLinks that both ends tell of are the same", "[nccl]") {
    const auto reading = read(machine(gpu(1, link("0000:02:00.0", 4)) + gpu(2, link("0000:01:00.0", 4)) +
                                      gpu(3, link("0000:03:00.0", 2))));
    REQUIRE(reading);
    CHECK(reading->machine.links == std::vector<GpuLink>{{0, 1, 4, false, 0}});
    CHECK(reading->remarks ==
          std::vector<std::string>{"n.xml:1: NVLinks from a GPU to itself (1) are left out"});
}

TEST_CASE("GPUs with lanes to NVSwitches are all linked", "[nccl]") {
    const std::string to_switches = link("0000:a0:00.0", 6, "0x068000") + link("0000:a1:00.0", 6, "0x068000");
    const auto reading = read(machine(gpu(1, to_switches) + gpu(2, to_switches) + gpu(3, "") +
                                      gpu(4, link("0000:a0:00.0", 4, "0x068000"))));
    REQUIRE(reading);
    CHECK(reading->machine.links ==
          std::vector<GpuLink>{{0, 1, 12, true, 0}, {0, 3, 4, true, 0}, {1, 3, 4, true, 0}});
}

TEST_CASE("what NCCL's file leaves to the system is told", "[nccl]") {
    const auto reading = read(machine("<pci busid=\"0000:00:16.0\"/><pci busid=\"0000:00:17.0\"/>"));
    REQUIRE(reading);
    CHECK(reading->machine.gpus.empty());
    CHECK(reading->remarks ==
          std::vector<std::string>{
              "n.xml:1: 2 PCI devices without a class are left out (0000:00:16.0 ...); only the "
              "running system knows what they are"});
}

TEST_CASE("what is wrong in NCCL's topology is told with its line", "[nccl]") {
    CHECK(error_of("<system><cpu numaid=\"x\"/></system>") ==
          "n.xml:1: numaid=\"x\" is no number of a NUMA node");
    CHECK(error_of(machine("\n<pci busid=\"1\"/>")) == "n.xml:2: busid=\"1\" is no PCI address");
    CHECK(error_of(machine(gpu(1, "") + "\n" + gpu(1, ""))) ==
          "n.xml:2: busid=\"0000:01:00.0\" is there twice");
    CHECK(error_of(machine(gpu(1, link("0000:02:00.0", 4)))) ==
          "n.xml:1: NVLinks to 0000:02:00.0, but no GPU is there");
    CHECK(error_of(machine(gpu(1, link("0000:02:00.0", -4)))) ==
          "n.xml:1: count=\"-4\" is no number of links");
}
