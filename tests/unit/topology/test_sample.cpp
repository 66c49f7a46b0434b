// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/topology/fake_nvml.h"
#include "topology/nvml/sample.h"

using namespace weir;
using namespace weir::topology;

namespace {

using Samples = std::vector<GpuSample>;

NvmlSampler sampler() {
    auto library = FakeNvml::open();
    REQUIRE(library);
    return NvmlSampler(std::move(*library));
}

std::string error_of(const Result<Samples>& samples) {
    return samples ? "none" : samples.error().message;
}

// Who a GPU is, and no values.
GpuSample identity(unsigned int index, unsigned int minor, const std::string& uuid, const std::string& pci) {
    GpuSample gpu;
    gpu.index = index;
    gpu.minor = minor;
    gpu.uuid = uuid;
    gpu.pci = pci;
    gpu.model = "NVIDIA H100 80GB HBM3";
    return gpu;
}

constexpr const char* kOneGpu = R"({"gpus": [{"pci": "0000:3b:00.0", "name": "NVIDIA H100 80GB HBM3",
    "uuid": "GPU-1", "minor": 3, "memory": 1073741824, "state_file": "@/gpu"}], "driver_file": "@/driver"})";

}  // namespace

TEST_CASE("a sample has all that NVML tells of a GPU", "[sample]") {
    const FakeNvml nvml(R"({"gpus": [{"pci": "0000:3b:00.0", "name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-1",
        "minor": 3, "memory": 107374182400, "reserved": 1073741824, "state": "busy", "mig": [], "ecc": 2,
        "xid": 63, "energy": 123456789012345,
        "fabric": {"cluster_uuid": "a0b1c2d3e4f5061728394a5b6c7d8e9f", "clique": 7}}]})");
    NvmlSampler samples = sampler();
    GpuSample wanted = identity(0, 3, "GPU-1", "00000000:3B:00.0");
    wanted.mig = false;
    wanted.utilisation = 97;
    wanted.copy_utilisation = 41;
    wanted.power = 600'000;
    wanted.power_limit = 700'000;
    wanted.sm_clock = 1755;
    wanted.memory_clock = 2619;
    wanted.temperature = 62;
    wanted.processes = 1;
    wanted.throttle = nvmlClocksThrottleReasonSwPowerCap;
    wanted.double_bit_ecc = 2;
    wanted.energy = 123456789012345;
    wanted.memory = GpuMemory{76'800, 24'576};
    wanted.fabric = GpuFabric{"a0b1c2d3-e4f5-0617-2839-4a5b6c7d8e9f", 7};
    REQUIRE(samples.sample().value() == Samples{wanted});
    wanted.last_xid = 63;  // NVML tells of an XID after the sampler began to listen
    CHECK(samples.sample().value() == Samples{wanted});
    CHECK(samples.sample().value() == Samples{wanted});
}

TEST_CASE("what NVML does not tell is absent from a sample", "[sample]") {
    const FakeNvml nvml(R"({"gpus": [{"pci": "0000:3b:00.0", "name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-1",
        "minor": 3}],
        "status": {"nvmlDeviceGetUtilizationRates": 3, "nvmlDeviceGetPowerUsage": 3,
            "nvmlDeviceGetEnforcedPowerLimit": 13, "nvmlDeviceGetClockInfo": 4, "nvmlDeviceGetTemperature": 999,
            "nvmlDeviceGetCurrentClocksThrottleReasons": 3, "nvmlDeviceGetComputeRunningProcesses_v3": 4,
            "nvmlDeviceGetMemoryInfo_v2": 13, "nvmlDeviceGetMemoryInfo": 3, "nvmlEventSetCreate": 3}})");
    NvmlSampler samples = sampler();
    samples.sample();
    CHECK(samples.sample().value() == Samples{identity(0, 3, "GPU-1", "00000000:3B:00.0")});
}

TEST_CASE("memory is told by old drivers too, and an NVLink domain only once it is complete", "[sample]") {
    const FakeNvml nvml(R"({"gpus": [
        {"memory": 107374182400, "uuid": "GPU-1", "state": "idle",
         "fabric": {"cluster_uuid": "a0b1c2d3e4f5061728394a5b6c7d8e9f", "state": 2}},
        {"memory": 1048576, "uuid": "GPU-2", "fabric": {"clique": 1}}],
        "status": {"nvmlDeviceGetMemoryInfo_v2": 13}})");
    const auto gpus = sampler().sample();
    REQUIRE(gpus);
    REQUIRE(gpus->size() == 2);
    CHECK(gpus->at(0).memory == GpuMemory{76'800, 25'600});
    CHECK_FALSE(gpus->at(0).fabric);
    CHECK(gpus->at(0).processes == 1U);
    CHECK(gpus->at(1).memory == GpuMemory{0, 1});
    CHECK_FALSE(gpus->at(1).fabric);  // a UUID of zeros: one node's own
    CHECK(gpus->at(1).processes == 0U);
}

TEST_CASE("in MIG mode instances have memory and the GPU has no utilisation", "[sample]") {
    const FakeNvml nvml(R"({"gpus": [{"uuid": "GPU-1", "memory": 107374182400, "mig": [
        {"name": "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "uuid": "MIG-1", "memory": 10737418240, "gpu_instance": 7},
        {"name": "NVIDIA H100 80GB HBM3 MIG 2g.20gb", "uuid": "MIG-2", "memory": 21474836480}]}]})");
    const auto gpus = sampler().sample();
    REQUIRE(gpus);
    REQUIRE(gpus->size() == 1);
    CHECK(gpus->front().mig == true);
    CHECK_FALSE(gpus->front().utilisation);
    CHECK(gpus->front().power);
    CHECK(gpus->front().instances == std::vector<MigSample>{{"MIG-1", "1g.10gb", 7, GpuMemory{0, 10'240}},
                                                            {"MIG-2", "2g.20gb", {}, GpuMemory{0, 20'480}}});
}

TEST_CASE("a GPU that falls off the bus is listed as who it was", "[sample]") {
    const FakeNvml nvml(R"({"gpus": [
        {"pci": "0000:3b:00.0", "name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-1", "minor": 0, "xid": 79,
         "state_file": "@/gpu"},
        {"pci": "0000:4c:00.0", "name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-2", "minor": 1, "gone": true},
        {"pci": "0000:5d:00.0", "name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-3", "minor": 2, "state": "busy"}]})");
    NvmlSampler samples = sampler();
    REQUIRE(samples.sample().value()[0].utilisation == 0U);
    nvml.write("gpu", "gone\n");
    const auto gpus = samples.sample();
    REQUIRE(gpus);
    REQUIRE(gpus->size() == 3);
    GpuSample gone = identity(0, 0, "GPU-1", "00000000:3B:00.0");
    gone.lost = true;
    gone.last_xid = 79;
    CHECK(gpus->at(0) == gone);
    GpuSample never_seen;
    never_seen.index = 1;
    never_seen.lost = true;
    CHECK(gpus->at(1) == never_seen);
    CHECK(gpus->at(2).utilisation == 97U);
    nvml.write("gpu", "busy\n");
    CHECK(samples.sample().value()[0].utilisation == 97U);
}

TEST_CASE("a GPU that answers nothing but `unknown` is lost, unless all do", "[sample]") {
    const std::string silent = R"({"uuid": "GPU-1", "status": {"nvmlDeviceGetHandleByIndex_v2": 999}})";
    const FakeNvml one(R"({"gpus": [)" + silent + R"(, {"uuid": "GPU-2"}]})");
    const auto gpus = sampler().sample();
    REQUIRE(gpus);
    CHECK(gpus->at(0).lost);
    CHECK_FALSE(gpus->at(1).lost);
    const FakeNvml all(R"({"gpus": [)" + silent + "," + silent + "]}");
    CHECK(error_of(sampler().sample()) == "NVML: Unknown Error (999)");
}

TEST_CASE("a restarted driver is an error until the library is opened anew", "[sample]") {
    const FakeNvml nvml(kOneGpu);
    {
        NvmlSampler samples = sampler();
        REQUIRE(samples.sample());
        nvml.write("driver", "restarting\n");
        CHECK(error_of(samples.sample()) == "NVML: Uninitialized (1)");
        CHECK_FALSE(FakeNvml::open());
        nvml.write("driver", "\n");
        CHECK_FALSE(samples.sample());
    }
    CHECK(sampler().sample());
}

TEST_CASE("a driver that goes in the middle of a sample is an error", "[sample]") {
    for (const char* status : {"1", "9", "18"}) {
        const FakeNvml nvml(
            std::string(R"({"gpus": [{"uuid": "GPU-1"}], "status": {"nvmlDeviceGetPowerUsage": )") + status +
            "}}");
        CHECK_FALSE(sampler().sample());
    }
    const FakeNvml none(R"({"gpus": []})");
    CHECK(sampler().sample().value().empty());
}
