// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <sstream>

#include "topology/show/show.h"

using namespace weir;
using namespace weir::topology;

namespace {

// Two NUMA nodes of two cores; three GPUs, of which two share a bridge with a NIC.
Machine small() {
    Machine machine;
    machine.name = "Small";
    machine.packages = {{0, "CPU"}};
    machine.numa = {{0, 0, Bytes{std::int64_t{64} << 30}}, {1, 0, Bytes{}}};
    machine.cores = {{0, {0}}, {0, {1}}, {1, {2}}, {1, {3}}};
    const PciAddress bridge{0, 2, 0, 0};
    const auto gpu = [](std::uint8_t bus, std::vector<PciAddress> bridges, int numa) {
        Gpu made;
        made.model = "NVIDIA H100 80GB HBM3";
        made.place = {PciAddress{0, bus, 0, 0}, {}, std::move(bridges), numa};
        return made;
    };
    machine.gpus = {gpu(3, {bridge}, 0), gpu(4, {bridge}, 0), gpu(5, {}, 1)};
    machine.nics = {{"mlx5_0", NicKind::kInfiniband, {PciAddress{0, 6, 0, 0}, {}, {bridge}, 0}}};
    machine.links = {{0, 1, 18, false, 450'000}};
    return machine;
}

}  // namespace

TEST_CASE("a machine is shown as a tree", "[topology_show]") {
    CHECK(to_tree(small(), 80) ==
          "Small: 1 package, 2 NUMA nodes, 4 cores, 3 GPUs, 1 NIC\n"
          "NUMA node 0: package 0, 64 GiB, cores 0-1\n"
          "  PCIe bridge 0000:02:00.0\n"
          "    GPU 0  0000:03:00.0  NVIDIA H100 80GB HBM3\n"
          "    GPU 1  0000:04:00.0  NVIDIA H100 80GB HBM3\n"
          "    NIC mlx5_0  0000:06:00.0  infiniband\n"
          "NUMA node 1: package 0, cores 2-3\n"
          "  GPU 2  0000:05:00.0  NVIDIA H100 80GB HBM3\n"
          "NVLink, 18 lanes: GPUs 0-1\n");
    CHECK(to_tree(Machine{}, 80) == "Machine: no GPU\n");
}

TEST_CASE("no line of the tree is wider than asked", "[topology_show]") {
    Machine machine = small();
    machine.name = std::string(200, 'x');
    machine.gpus.assign(20, machine.gpus[0]);
    machine.links.clear();
    for (std::size_t gpu = 0; gpu < 20; gpu += 2) machine.links.push_back({gpu, gpu + 1, 2, false, 0});
    for (const int width : {40, 80, 160}) {
        std::istringstream text(to_tree(machine, width));
        for (std::string line; std::getline(text, line);)
            CHECK(line.size() <= static_cast<std::size_t>(width));
    }
}

TEST_CASE("gres.conf gets the cores and links of each GPU", "[topology_show]") {
    Machine machine = small();
    const std::string unnumbered = to_gres_conf(machine);
    CHECK(unnumbered ==
          "# gres.conf of Small, by weir topology\n"
          "# /dev/nvidiaN by PCI address, as the driver counts; nvidia-smi -q tells Minor Number\n"
          "Name=gpu Type=h100 File=/dev/nvidia0 Cores=0-1 Links=-1,18,0\n"
          "Name=gpu Type=h100 File=/dev/nvidia1 Cores=0-1 Links=18,-1,0\n"
          "Name=gpu Type=h100 File=/dev/nvidia2 Cores=2-3 Links=0,0,-1\n");
    for (int gpu = 0; gpu < 3; ++gpu) machine.gpus[static_cast<std::size_t>(gpu)].minor = 2 - gpu;
    CHECK(to_gres_conf(machine) ==
          "# gres.conf of Small, by weir topology\n"
          "Name=gpu Type=h100 File=/dev/nvidia0 Cores=2-3 Links=-1,0,0\n"
          "Name=gpu Type=h100 File=/dev/nvidia1 Cores=0-1 Links=0,-1,18\n"
          "Name=gpu Type=h100 File=/dev/nvidia2 Cores=0-1 Links=0,18,-1\n");
    CHECK(to_gres_conf(Machine{}) == "# gres.conf, by weir topology\n# no GPU\n");
}

TEST_CASE("a GPU's model gives the type that Slurm calls it", "[topology_show]") {
    CHECK(gpu_type("NVIDIA H100 80GB HBM3") == "h100");
    CHECK(gpu_type("NVIDIA A100-SXM4-80GB") == "a100");
    CHECK(gpu_type("Tesla V100-SXM3-32GB-H") == "v100");
    CHECK(gpu_type("NVIDIA L40S") == "l40s");
    CHECK(gpu_type("NVIDIA GB200") == "gb200");
    CHECK(gpu_type("Tesla T4") == "t4");
    CHECK(gpu_type("NVIDIA GeForce RTX 4090") == "nvidia_geforce_rtx_4090");
    CHECK(gpu_type("x\ny") == "x_y");
    CHECK(gpu_type("").empty());
}

TEST_CASE("a machine's JSON says null for what is not known", "[topology_show]") {
    const nlohmann::json object = to_json(small());
    CHECK(object["name"] == "Small");
    CHECK(object["numa"][1]["memory_bytes"].is_null());
    CHECK(object["gpus"][0]["minor"].is_null());
    CHECK(object["gpus"][0]["pci"] == "0000:03:00.0");
    CHECK(object["gpus"][0]["bridges"] == nlohmann::json{"0000:02:00.0"});
    CHECK(object["nics"][0]["kind"] == "infiniband");
    CHECK(object["links"][0] ==
          nlohmann::json{
              {"a", 0}, {"b", 1}, {"lanes", 18}, {"switched", false}, {"megabytes_per_second", 450'000}});
}

TEST_CASE("a picture quotes what it is told", "[topology_show]") {
    Machine machine = small();
    machine.name = "a\"b\\c";
    const std::string dot = to_dot(machine);
    CHECK(dot.starts_with("strict graph machine {\n  graph [label=\"a\\\"b\\\\c\"];\n"));
    CHECK(dot.find("gpu0 -- gpu1 [color=green, constraint=false, label=\"18\"]") != std::string::npos);
    CHECK(dot.ends_with("}\n"));
}

TEST_CASE("numbers in a row are a range", "[topology_show]") {
    CHECK(ranges({}).empty());
    CHECK(ranges({3}) == "3");
    CHECK(ranges({0, 1, 2, 5, 7, 8}) == "0-2,5,7-8");
}

TEST_CASE("a machine is read back from its JSON, and what is none is an error", "[show]") {
    Machine machine;
    machine.name = "node";
    machine.packages = {{0, "Xeon"}};
    machine.numa = {{0, 0, Bytes{1 << 30}}, {1, std::nullopt, {}}};
    machine.cores = {{0, {0, 64}}, {std::nullopt, {1}}};
    Gpu gpu;
    gpu.minor = 3;
    gpu.uuid = "GPU-1";
    gpu.model = "NVIDIA H100 80GB HBM3";
    gpu.memory = Bytes{80LL << 30};
    gpu.place = {PciAddress{0, 0x3b, 0, 0}, PciAddress{0, 0x3a, 0, 0}, {PciAddress{0, 0x3a, 1, 0}}, 1};
    gpu.mig = {{"MIG-1", "1g.10gb", Bytes{10LL << 30}}};
    machine.gpus = {gpu, Gpu{}};
    machine.nics = {{"mlx5_0", NicKind::kInfiniband, gpu.place}, {"", NicKind::kOther, {}}};
    machine.links = {{0, 1, 18, true, 450'000}};
    const auto read = from_json(to_json(machine).dump());
    REQUIRE(read);
    CHECK(*read == machine);
    for (const char* text : {"", "[]", "{}", "{\"packages\": 3}"}) CHECK_FALSE(from_json(text));
    machine.links[0].b = 2;
    CHECK(from_json(to_json(machine).dump()).error().message == "a link from GPU 0 to 2 of 2");
}
