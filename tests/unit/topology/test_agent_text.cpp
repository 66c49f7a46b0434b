// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "topology/agent/measure.h"
#include "topology/agent/once.h"
#include "topology/agent/options.h"

using namespace weir;
using namespace weir::agent;
using topology::GpuSample;

TEST_CASE("a sample is printed in 80 columns", "[agent]") {
    CHECK(to_table({}) == "No GPU.\n");
    GpuSample busy;
    busy.model = "NVIDIA RTX PRO 6000 Blackwell Server Edition";
    busy.utilisation = 100;
    busy.power = 599'600;
    busy.power_limit = 1'000'000;
    busy.sm_clock = 1980;
    busy.temperature = 101;
    busy.processes = 128;
    busy.memory = topology::GpuMemory{196'608, 1024};
    busy.throttle = nvmlClocksThrottleReasonHwSlowdown | nvmlClocksThrottleReasonHwThermalSlowdown |
                    nvmlClocksThrottleReasonSwPowerCap;
    busy.double_bit_ecc = 3;
    busy.fabric = topology::GpuFabric{"a0b1c2d3-e4f5-0617-2839-4a5b6c7d8e9f", 7};
    busy.instances = {{"MIG-1", "1g.10gb", 7, topology::GpuMemory{1024, 9216}}};
    GpuSample lost;
    lost.index = 1;
    lost.lost = true;
    lost.last_xid = 79;
    CHECK(to_table({busy, lost}) ==
          "GPU  model                       use   memory GiB    power W    MHz     C  run\n"
          "  0  NVIDIA RTX PRO 6000 Bla+   100%  192.0/193.0   600/1000   1980   101  128\n"
          "       double-bit ECC errors: 3\n"
          "       slowed by hardware slowdown, heat (hardware)\n"
          "       NVLink domain a0b1c2d3-e4f5-0617-2839-4a5b6c7d8e9f clique 7\n"
          "       MIG 1g.10gb             1.0/10.0 GiB\n"
          "  1  -                             -            -          -      -     -    -\n"
          "       lost: it fell off the bus or cannot be reached\n"
          "       last XID 79\n");
}

TEST_CASE("a period is whole seconds or minutes, within reason", "[agent]") {
    using std::chrono::seconds;
    CHECK(parse_period("1s").value() == seconds(1));
    CHECK(parse_period("600s").value() == seconds(600));
    CHECK(parse_period("10m").value() == seconds(600));
    for (const char* wrong : {"", "s", "10", "0s", "-1s", "601s", "11m", "1h", "1.5s", "10 s", "10s ",
                              "99999999999999999999s", "9223372036854775807m"})
        CHECK_FALSE(parse_period(wrong));
    CHECK(parse_period("3h").error().message == "\"3h\" is not a time from 1s to 10m (as in 10s, 1m)");
}

TEST_CASE("an address is a host and a port", "[agent]") {
    const auto address = parse_address("[::1]:9810");
    REQUIRE(address);
    CHECK(address->host == "::1");
    CHECK(address->port == 9810);
    CHECK(to_text(*address) == "[::1]:9810");
    CHECK(to_text(parse_address("t1:0").value()) == "t1:0");
    for (const char* wrong :
         {"", ":", ":9810", "9810", "t1", "t1:", "t1:x", "t1:-1", "t1:65536", "::1:9810", "[]:1", "t1:9810 "})
        CHECK_FALSE(parse_address(wrong));
}

TEST_CASE("what was measured becomes lines of weir.yaml, relative to the first type", "[agent]") {
    const auto measured = parse_measured(R"({"gpus": [
        {"model": "NVIDIA H100 80GB HBM3", "pci": "0000:3B:00.0", "fp16_tflops": 700, "bf16_tflops": 720.4,
         "tf32_tflops": 400, "memory_gigabytes_per_second": 2900},
        {"model": "NVIDIA H100 80GB HBM3", "pci": "0000:4C:00.0", "fp16_tflops": 700, "bf16_tflops": 679.6,
         "tf32_tflops": 400, "memory_gigabytes_per_second": 2700},
        {"model": "NVIDIA A100-SXM4-80GB", "pci": "0000:5D:00.0", "fp16_tflops": 260, "bf16_tflops": 259,
         "tf32_tflops": 130, "memory_gigabytes_per_second": 1700}],
        "pairs": [{"from": 0, "to": 1, "gigabytes_per_second": 380.6}]})");
    REQUIRE(measured);
    const IdlePower idle{{PciAddress{0, 0x3b, 0, 0}, 71.4}, {PciAddress{0, 0x4c, 0, 0}, 69.2}};
    CHECK(to_report(*measured, idle) ==
          "TFLOP/s of matrix products, GB/s read and written in device memory\n"
          "\n"
          "GPU  model                           fp16    bf16    tf32  memory GB/s\n"
          "  0  NVIDIA H100 80GB HBM3            700     720     400         2900\n"
          "  1  NVIDIA H100 80GB HBM3            700     680     400         2700\n"
          "  2  NVIDIA A100-SXM4-80GB            260     259     130         1700\n"
          "\n"
          "GB/s copied from GPU to GPU\n"
          "\n"
          "  0 to 1      381\n"
          "\n"
          "gpu_types:\n"
          "  # 700 bf16 TFLOP/s, 2800 GB/s: what to compare other nodes with\n"
          "  h100: {training: 1.00, inference: 1.00, idle_watts: 69}\n"
          "  # 259 bf16 TFLOP/s, 1700 GB/s: what to compare other nodes with\n"
          "  a100: {training: 0.37, inference: 0.61}\n");
}

TEST_CASE("anything else than a measurement is refused", "[agent]") {
    for (const char* wrong : {"", "[]", "{}", R"({"gpus": [], "pairs": []})",
                              R"({"gpus": [{}], "pairs": []})", R"({"gpus": 3, "pairs": []})"}) {
        const auto measured = parse_measured(wrong);
        REQUIRE_FALSE(measured);
        CHECK(measured.error().message.starts_with("weir-measure-gpus did not print what is expected: "));
    }
}
