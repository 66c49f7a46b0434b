// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "topology/agent/metrics.h"

using namespace weir;
using namespace weir::agent;
using topology::GpuSample;

namespace {

View view_of(std::vector<GpuSample> gpus) {
    View view;
    view.gpus = std::make_shared<const std::vector<GpuSample>>(std::move(gpus));
    view.took = Seconds(0.25);
    view.samples = 7;
    return view;
}

// What is said of the agent itself, below the GPUs.
std::string tail(int up, int samples, const std::string& seconds = {}) {
    return "# HELP weir_agent_up_nvml 1 if NVML answers.\n"
           "# TYPE weir_agent_up_nvml gauge\n"
           "weir_agent_up_nvml " +
           std::to_string(up) +
           "\n# HELP weir_agent_samples_total Samples of all GPUs taken.\n"
           "# TYPE weir_agent_samples_total counter\n"
           "weir_agent_samples_total " +
           std::to_string(samples) + "\n" + seconds +
           "# HELP process_cpu_seconds_total CPU time that the agent has used.\n"
           "# TYPE process_cpu_seconds_total counter\n"
           "process_cpu_seconds_total 1.5\n";
}

const std::string kTook =
    "# HELP weir_agent_sample_seconds What the last sample took.\n"
    "# TYPE weir_agent_sample_seconds gauge\n"
    "weir_agent_sample_seconds 0.25\n";

}  // namespace

TEST_CASE("metrics have the names and labels of dcgm-exporter", "[agent]") {
    GpuSample gpu;
    gpu.index = 0;
    gpu.minor = 2;
    gpu.uuid = "GPU-604ac76c";
    gpu.pci = "00000000:3B:00.0";
    gpu.model = "NVIDIA H100 80GB HBM3";
    gpu.mig = false;
    gpu.utilisation = 97;
    gpu.copy_utilisation = 41;
    gpu.power = 599'875;
    gpu.power_limit = 700'000;
    gpu.sm_clock = 1755;
    gpu.memory_clock = 2619;
    gpu.temperature = 62;
    gpu.processes = 3;
    gpu.throttle = 4;
    gpu.double_bit_ecc = 2;
    gpu.energy = 123456789012345;
    gpu.last_xid = 63;
    gpu.memory = topology::GpuMemory{61'169, 20'390};
    gpu.fabric = topology::GpuFabric{"a0b1", 7};
    const std::string labels =
        R"({gpu="0",UUID="GPU-604ac76c",pci_bus_id="00000000:3B:00.0",device="nvidia2",)"
        R"(modelName="NVIDIA H100 80GB HBM3",Hostname="t1"} )";
    const std::string text = exposition(view_of({gpu}), "t1", 1.5);
    const auto metric = [&](const std::string& name, const std::string& help, const std::string& type,
                            const std::string& value) {
        return "# HELP " + name + " " + help + "\n# TYPE " + name + " " + type + "\n" + name + labels +
               value + "\n";
    };
    CHECK(text ==
          metric("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", "gauge", "97") +
              metric("DCGM_FI_DEV_MEM_COPY_UTIL", "Memory utilization (in %).", "gauge", "41") +
              metric("DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).", "gauge", "599.875") +
              metric("DCGM_FI_DEV_POWER_MGMT_LIMIT", "Power limit in force (in W).", "gauge", "700") +
              metric("DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz).", "gauge", "1755") +
              metric("DCGM_FI_DEV_MEM_CLOCK", "Memory clock frequency (in MHz).", "gauge", "2619") +
              metric("DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).", "gauge", "62") +
              metric("DCGM_FI_DEV_CLOCK_THROTTLE_REASONS",
                     "Why clocks are lower than they could be (a bitmask of NVML's).", "gauge", "4") +
              metric("DCGM_FI_DEV_XID_ERRORS", "Value of the last XID error encountered.", "gauge", "63") +
              metric("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "Total number of double-bit volatile ECC errors.",
                     "counter", "2") +
              metric("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Total energy consumption since boot (in mJ).",
                     "counter", "123456789012345") +
              metric("weir_gpu_processes", "Processes that compute on the GPU.", "gauge", "3") +
              metric("weir_gpu_lost", "1 if the GPU fell off the bus or cannot be reached.", "gauge", "0") +
              metric("weir_gpu_mig", "1 if MIG divides the GPU.", "gauge", "0") +
              metric("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", "gauge", "61169") +
              metric("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", "gauge", "20390") +
              "# HELP weir_gpu_fabric_info 1; which NVLink domain, and clique of it, the GPU is of.\n"
              "# TYPE weir_gpu_fabric_info gauge\n"
              R"(weir_gpu_fabric_info{gpu="0",UUID="GPU-604ac76c",pci_bus_id="00000000:3B:00.0",)"
              R"(device="nvidia2",modelName="NVIDIA H100 80GB HBM3",cluster_uuid="a0b1",clique="7",)"
              "Hostname=\"t1\"} 1\n" +
              tail(1, 7, kTook));
}

TEST_CASE("what is not known has no series", "[agent]") {
    GpuSample lost;
    lost.index = 5;
    lost.lost = true;
    CHECK(exposition(view_of({lost}), "t1", 1.5) ==
          "# HELP weir_gpu_lost 1 if the GPU fell off the bus or cannot be reached.\n"
          "# TYPE weir_gpu_lost gauge\n"
          "weir_gpu_lost{gpu=\"5\",Hostname=\"t1\"} 1\n" +
              tail(1, 7, kTook));
    CHECK(exposition(View{}, "t1", 1.5) == tail(0, 0));
}

TEST_CASE("how near a GPU is to each of the node is told by the number of its device file", "[agent]") {
    std::vector<GpuSample> gpus(4);
    for (std::size_t i = 0; i < gpus.size(); ++i) gpus[i].index = static_cast<unsigned>(i);
    gpus[0].minor = 1;
    gpus[1].minor = 0;
    gpus[2].minor = 2;  // the rows are of before it came
    View view = view_of(gpus);
    view.near = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"65", "56"});
    const std::string text = exposition(view, "t1", 1.5);
    const std::string head =
        "# HELP weir_gpu_near_info 1; a digit for each GPU of the node, by device number: how near it is, "
        "from 0 "
        "(over the link between processors) to 5 (NVLink) and 6 (itself).\n"
        "# TYPE weir_gpu_near_info gauge\n";
    CHECK(text.find(head + "weir_gpu_near_info{gpu=\"0\",device=\"nvidia1\",near=\"56\",Hostname=\"t1\"} 1\n"
                           "weir_gpu_near_info{gpu=\"1\",device=\"nvidia0\",near=\"65\",Hostname=\"t1\"} 1\n"
                           "# HELP weir_agent_up_nvml") != std::string::npos);
}

TEST_CASE("where it is not known how near GPUs are, or there are none, nothing is told of it", "[agent]") {
    GpuSample gpu;
    gpu.minor = 0;
    View view = view_of({gpu});
    CHECK(exposition(view, "t1", 1.5).find("near_info") == std::string::npos);
    view.near = std::make_shared<const std::vector<std::string>>();
    CHECK(exposition(view, "t1", 1.5).find("near_info") == std::string::npos);
    view.near = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"6"});
    view.gpus.reset();
    CHECK(exposition(view, "t1", 1.5).find("near_info") == std::string::npos);
}

TEST_CASE("a MIG instance has the memory that is its own", "[agent]") {
    GpuSample gpu;
    gpu.uuid = "GPU-1";
    gpu.mig = true;
    gpu.instances = {{"MIG-1", "1g.10gb", 7, topology::GpuMemory{1024, 8192}},
                     {"MIG-2", "1g.10gb", {}, topology::GpuMemory{1, 2}},  // which it is nobody could tell
                     {"MIG-3", "1g.10gb", 9, {}}};
    const std::string text = exposition(view_of({gpu}), "t1", 1.5);
    const std::string labels =
        R"({gpu="0",UUID="GPU-1",GPU_I_PROFILE="1g.10gb",GPU_I_ID="7",Hostname="t1"} )";
    CHECK(text.find("\nDCGM_FI_DEV_FB_USED" + labels + "1024\n# HELP DCGM_FI_DEV_FB_FREE") !=
          std::string::npos);
    CHECK(text.find("\nDCGM_FI_DEV_FB_FREE" + labels + "8192\n# HELP weir_agent_up_nvml") !=
          std::string::npos);
    CHECK(text.find("\nweir_gpu_mig{gpu=\"0\",UUID=\"GPU-1\",Hostname=\"t1\"} 1\n") != std::string::npos);
}
