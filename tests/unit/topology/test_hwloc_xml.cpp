// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <random>

#include "topology/hwloc/hwloc_xml.h"
#include "topology/hwloc/live.h"
#include "topology/hwloc/nvlink_matrix.h"

using namespace weir;
using namespace weir::topology;

namespace {

// In the shape that hwloc writes: two GPUs under one PCIe switch of two ports, an InfiniBand card beside it,
// and a display that is no GPU to compute with.
const std::string kSmall = R"(<?xml version="1.0"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" os_index="0" cpuset="0x0000000f" nodeset="0x00000001" gp_index="1">
    <info name="DMIProductName" value="Small"/>
    <object type="Package" os_index="0" cpuset="0x0000000f" nodeset="0x00000001" gp_index="2">
      <info name="CPUModel" value="CPU"/>
      <object type="NUMANode" os_index="0" nodeset="0x00000001" gp_index="3" local_memory="1073741824"/>
      <object type="Core" os_index="0" cpuset="0x00000005" nodeset="0x00000001" gp_index="4"/>
      <object type="Core" os_index="1" cpuset="0x0000000a" nodeset="0x00000001" gp_index="5"/>
      <object type="Bridge" gp_index="6" bridge_type="0-1" bridge_pci="0000:[10-1f]">
        <object type="Bridge" gp_index="7" bridge_type="1-1" bridge_pci="0000:[11-14]" pci_busid="0000:10:01.0">
          <object type="Bridge" gp_index="8" bridge_type="1-1" pci_busid="0000:11:00.0">
            <object type="PCIDev" gp_index="9" pci_busid="0000:12:00.0" pci_type="0302 [10de:2330] [10de:1] a1 00">
              <object type="OSDev" gp_index="10" name="nvml0" osdev_type="1">
                <info name="Backend" value="NVML"/>
                <info name="GPUModel" value="NVIDIA H100 80GB HBM3"/>
                <info name="NVIDIAUUID" value="GPU-a"/>
              </object>
            </object>
          </object>
          <object type="Bridge" gp_index="11" bridge_type="1-1" pci_busid="0000:11:01.0">
            <object type="PCIDev" gp_index="12" pci_busid="0000:13:00.0" pci_type="0302 [10de:2330] [10de:1] a1 00">
              <object type="OSDev" gp_index="13" name="cuda1" subtype="CUDA" osdev_type="5">
                <info name="Backend" value="CUDA"/>
                <info name="CUDAGlobalMemorySize" value="1024"/>
              </object>
            </object>
          </object>
        </object>
        <object type="PCIDev" gp_index="14" pci_busid="0000:15:00.0" pci_type="0207 [15b3:1021] [15b3:1] 00 00">
          <object type="OSDev" gp_index="15" name="mlx5_0" osdev_type="3"><info name="NodeGUID" value="1"/></object>
          <object type="OSDev" gp_index="16" name="ib0" osdev_type="2"><info name="Address" value="1"/></object>
        </object>
        <object type="PCIDev" gp_index="17" pci_busid="0000:16:00.0" pci_type="0300 [1a03:2000] [1a03:1] 41 00"/>
      </object>
    </object>
  </object>
  <distances2hetero nbobjs="2" kind="25" name="NVLinkBandwidth">
    <indexes length="20">OSDev:10 OSDev:13 </indexes>
    <u64values length="40">1000000 300000 300000 1000000 </u64values>
  </distances2hetero>
</topology>)";

Result<Reading> read(const std::string& text) {
    const auto document = Document::parse(text, "m.xml");
    return document ? read_hwloc_xml(*document) : Result<Reading>(tl::make_unexpected(document.error()));
}

std::string with(const std::string& old, const std::string& text) {
    std::string changed = kSmall;
    REQUIRE(changed.find(old) != std::string::npos);
    return changed.replace(changed.find(old), old.size(), text);
}

std::string error_of(const std::string& text) {
    const auto reading = read(text);
    return reading ? "none" : reading.error().message;
}

}  // namespace

TEST_CASE("a machine is read from hwloc's XML", "[hwloc]") {
    const auto reading = read(kSmall);
    REQUIRE(reading);
    CHECK(reading->remarks.empty());
    Machine wanted;
    wanted.name = "Small";
    wanted.packages = {{0, "CPU"}};
    wanted.numa = {{0, 0, Bytes{1 << 30}}};
    wanted.cores = {{0, {0, 2}}, {0, {1, 3}}};
    const PciAddress host{0, 0x10, 0, 0};
    const PciAddress port{0, 0x10, 1, 0};
    Gpu first;
    first.uuid = "GPU-a";
    first.model = "NVIDIA H100 80GB HBM3";
    first.place = {PciAddress{0, 0x12, 0, 0}, host, {port, {0, 0x11, 0, 0}}, 0};
    Gpu second;
    second.memory = Bytes{1 << 20};
    second.place = {PciAddress{0, 0x13, 0, 0}, host, {port, {0, 0x11, 1, 0}}, 0};
    wanted.gpus = {first, second};
    wanted.nics = {{"mlx5_0", NicKind::kInfiniband, {PciAddress{0, 0x15, 0, 0}, host, {}, 0}}};
    wanted.links = {{0, 1, 12, false, 300'000}};
    CHECK(reading->machine == wanted);
}

TEST_CASE("version 3 of hwloc's XML is read like version 2", "[hwloc]") {
    const auto reading = read(with("version=\"2.0\"", "version=\"3.0\""));
    REQUIRE(reading);
    CHECK(reading->machine == read(kSmall)->machine);
}

TEST_CASE("what is wrong in hwloc's XML is told with its line", "[hwloc]") {
    CHECK(error_of("<topology version=\"2.0\"/>") == "m.xml:1: no object of type Machine in it");
    CHECK(error_of(with("version=\"2.0\"", "version=\"1.0\"")) ==
          "m.xml:3: written by hwloc 1; export it anew by lstopo of hwloc 2 or 3");
    CHECK(error_of(with("version=\"2.0\"", "version=\"4\x1b[31m\"")) ==
          "m.xml:3: version \"4?[31m\" of hwloc's XML; 2 and 3 are known");
    CHECK(error_of(with("Package\" os_index=\"0\"", "Package\" os_index=\"-1\"")) ==
          "m.xml:6: os_index=\"-1\" is no number of a package");
    CHECK(error_of(with("pci_busid=\"0000:12:00.0\"", "pci_busid=\"12\"")) ==
          "m.xml:14: pci_busid=\"12\" is no PCI address");
    CHECK(error_of(with("pci_busid=\"0000:13:00.0\"", "pci_busid=\"0000:12:00.0\"")) ==
          "m.xml:23: pci_busid=\"0000:12:00.0\" is there twice");
    CHECK(error_of(with("local_memory=\"1073741824\"", "local_memory=\"99999999999999999999\"")) ==
          "m.xml:8: local_memory=\"99999999999999999999\" is no number of bytes");
    CHECK(error_of(with("nbobjs=\"2\"", "nbobjs=\"4000000000\"")) ==
          "m.xml:39: NVLinkBandwidth has nbobjs=\"4000000000\"; 1 to 1024 would do");
    CHECK(error_of(with("300000 300000", "300000")) ==
          "m.xml:39: NVLinkBandwidth has 2 indexes and 3 values for 2 objects");
    CHECK(error_of(with("300000 300000", "-5 300000")) ==
          "m.xml:39: NVLinkBandwidth holds \"-5\", which is no bandwidth in MB/s");
}

TEST_CASE("GPUs behind NVSwitches are linked at what their switches give", "[hwloc]") {
    std::string text = with("OSDev:10 OSDev:13 ", "OSDev:10 OSDev:13 PCIDev:17 ");
    const auto change = [&](const std::string& old, const std::string& now) {
        text.replace(text.find(old), old.size(), now);
    };
    change("nbobjs=\"2\"", "nbobjs=\"3\"");
    change("1000000 300000 300000 1000000 ", "0 0 150000 0 0 100000 150000 100000 0");
    change("gp_index=\"17\"", "gp_index=\"17\" subtype=\"NVSwitch\"");
    const auto reading = read(text);
    REQUIRE(reading);
    CHECK(reading->machine.links == std::vector<GpuLink>{{0, 1, 4, true, 100'000}});
}

TEST_CASE("bandwidth tells the number of lanes", "[hwloc]") {
    CHECK(lanes_of(25'000) == 1);
    CHECK(lanes_of(40'000) == 2);
    CHECK(lanes_of(300'000) == 12);
    CHECK(lanes_of(450'000) == 18);
    CHECK(lanes_of(53'124) == 2);
}

TEST_CASE("no damage to hwloc's XML does more than make it an error", "[hwloc]") {
    std::mt19937 random(11);
    const auto upto = [&](std::size_t most) {
        return std::uniform_int_distribution<std::size_t>(0, most)(random);
    };
    int refused = 0;
    for (int round = 0; round < 3000; ++round) {
        std::string text = kSmall;
        for (std::size_t damage = 1 + upto(3); damage > 0; --damage) {
            const std::size_t at = upto(text.size() - 1);
            switch (upto(2)) {
            case 0:
                text[at] = static_cast<char>(upto(255));
                break;
            case 1:
                text.erase(at, upto(40));
                break;
            default:
                text.insert(at, text.substr(upto(text.size() - 1), upto(200)));
            }
        }
        const auto reading = read(text);
        if (!reading) {
            ++refused;
            CHECK(reading.error().message.starts_with("m.xml"));
        }
    }
    CHECK(refused > 100);
    CHECK(refused < 3000);
}

TEST_CASE("hwloc discovers the machine that this runs on", "[hwloc]") {
    const auto reading = discover();
    REQUIRE(reading);
    CHECK_FALSE(reading->machine.cores.empty());
    CHECK_FALSE(reading->machine.numa.empty());
    for (const Core& core : reading->machine.cores) CHECK_FALSE(core.threads.empty());
}
