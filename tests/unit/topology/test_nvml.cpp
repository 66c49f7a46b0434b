// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/topology/fake_nvml.h"
#include "topology/nvml/machine.h"

using namespace weir;
using namespace weir::topology;

namespace {

Result<Reading> read() {
    const auto library = FakeNvml::open();
    if (!library) return tl::make_unexpected(library.error());
    return read_nvml(*library);
}

std::string error_of(const Result<Reading>& reading) {
    return reading ? "none" : reading.error().message;
}

}  // namespace

TEST_CASE("GPUs are read from NVML, by PCI address", "[nvml]") {
    const FakeNvml nvml(R"({"gpus": [
        {"pci": "0000:3b:00.0", "name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-2", "minor": 1, "memory": 1024,
         "links": [{"to": "0000:1a:00.0", "version": 6}, {"to": "0000:1a:00.0", "version": 6}]},
        {"pci": "0000:1a:00.0", "name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-1", "minor": 0, "memory": 1024,
         "mig": [{"name": "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "uuid": "MIG-1", "memory": 128}],
         "links": [{"to": "0000:3b:00.0", "version": 6}, {"to": "0000:3b:00.0", "version": 6}]}]})");
    const auto reading = read();
    REQUIRE(reading);
    CHECK(reading->remarks.empty());
    Machine wanted;
    wanted.gpus.resize(2);
    for (int gpu = 0; gpu < 2; ++gpu) {
        Gpu& one = wanted.gpus[static_cast<std::size_t>(gpu)];
        one.minor = gpu;
        one.uuid = "GPU-" + std::to_string(gpu + 1);
        one.model = "NVIDIA H100 80GB HBM3";
        one.memory = Bytes{1024};
    }
    wanted.gpus[0].place.address = PciAddress{0, 0x1a, 0, 0};
    wanted.gpus[1].place.address = PciAddress{0, 0x3b, 0, 0};
    wanted.gpus[0].mig = {{"MIG-1", "1g.10gb", Bytes{128}}};
    wanted.links = {{0, 1, 2, false, 50'000}};
    CHECK(reading->machine == wanted);
}

TEST_CASE("GPUs that NVSwitches join are linked at what both have", "[nvml]") {
    const auto gpu = [](int bus, int lanes) {
        std::string links;
        for (int lane = 0; lane < lanes; ++lane)
            links += std::string(lane > 0 ? "," : "") + R"({"to": "switch", "version": 2})";
        return R"({"pci": "0000:0)" + std::to_string(bus) + R"(:00.0", "links": [)" + links + "]}";
    };
    const FakeNvml nvml(R"({"gpus": [)" + gpu(1, 6) + "," + gpu(2, 6) + "," + gpu(3, 0) + "," + gpu(4, 5) +
                        "]}");
    const auto reading = read();
    REQUIRE(reading);
    CHECK(reading->machine.links ==
          std::vector<GpuLink>{{0, 1, 6, true, 150'000}, {0, 3, 5, true, 125'000}, {1, 3, 5, true, 125'000}});
}

TEST_CASE("a GPU that fell off the bus is told of, and the others are read", "[nvml]") {
    const FakeNvml nvml(R"({"gpus": [{"pci": "0000:01:00.0", "gone": true}, {"pci": "0000:02:00.0"}]})");
    const auto reading = read();
    REQUIRE(reading);
    CHECK(reading->remarks == std::vector<std::string>{"GPU 0 is left out: GPU is lost (15)"});
    REQUIRE(reading->machine.gpus.size() == 1);
    CHECK(reading->machine.gpus[0].place.address == PciAddress{0, 2, 0, 0});
}

TEST_CASE("what an old driver does not answer stays open", "[nvml]") {
    const FakeNvml nvml(R"({"gpus": [{"pci": "0000:01:00.0", "name": "Tesla K80"}],
        "status": {"nvmlDeviceGetMinorNumber": 13, "nvmlDeviceGetMigMode": 13, "nvmlDeviceGetNvLinkState": 3,
                   "nvmlDeviceGetMemoryInfo": 999}})");
    const auto reading = read();
    REQUIRE(reading);
    Gpu wanted;
    wanted.model = "Tesla K80";
    wanted.place.address = PciAddress{0, 1, 0, 0};
    CHECK(reading->machine.gpus == std::vector{wanted});
}

TEST_CASE("NVML that does not work is an error with its reason", "[nvml]") {
    const FakeNvml unloaded(R"({"gpus": [], "status": {"nvmlInit_v2": 9}})");
    CHECK(error_of(read()) == std::string("NVML: ") + FAKE_NVML + ": Driver Not Loaded (9)");
    const FakeNvml silent(R"({"gpus": [], "status": {"nvmlDeviceGetCount_v2": 999}})");
    CHECK(error_of(read()) == "NVML cannot count the GPUs: Unknown Error (999)");
    const auto missing = NvmlLibrary::open("libweir-no-such-library.so.1");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().message.starts_with(
        "NVML: libweir-no-such-library.so.1: cannot open shared object file"));
}

TEST_CASE("a library that lacks functions is one whose functions fail", "[nvml]") {
    const auto other = NvmlLibrary::open("libm.so.6");
    REQUIRE_FALSE(other);
    CHECK(other.error().message == "NVML: libm.so.6: status (13)");
}
