// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/observe/telemetry/exposition.h"
#include "plugin/observe/telemetry/history.h"
#include "plugin/observe/telemetry/prometheus.h"

using namespace weir;
using namespace weir::observe;
using namespace std::chrono_literals;

namespace {

constexpr Time kNow{1'800'000'000s};

std::vector<GpuReading> read(std::string_view text) {
    Readings readings;
    REQUIRE(read_exposition(text, kNow, readings));
    return readings.take();
}

// A snapshot of node t1 with two GPUs, of which a job holds the first since an hour.
Snapshot scene(Time at) {
    Snapshot snapshot;
    snapshot.at = at;
    snapshot.gpu_windows = {10min};
    snapshot.sample_period = 30s;
    Node node;
    node.name = "t1";
    node.gpus = {{"h100", 2, 1}};
    snapshot.nodes = {node};
    Job job;
    job.id = JobId{17};
    job.state = JobState::kRunning;
    job.started = kNow - 1h;
    snapshot.jobs = {job};
    GpuUse use;
    use.job = job.id;
    snapshot.gpu_uses = {use};
    return snapshot;
}

GpuReading reading(Time at, int utilisation, int device = 0) {
    GpuReading reading;
    reading.node = "t1";
    reading.device = device;
    reading.at = at;
    reading.model = "NVIDIA H100 80GB HBM3";
    reading.utilisation = utilisation;
    reading.power = Watts{70 + utilisation};
    reading.power_limit = Watts{700};
    return reading;
}

}  // namespace

TEST_CASE("an exporter's text becomes one reading a GPU", "[telemetry]") {
    // The shape is that of dcgm-exporter 3.3, with weir-agent's own metric added.
    const auto told = read(R"(# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="3",UUID="GPU-1",device="nvidia3",modelName="NVIDIA H100 80GB HBM3",Hostname="t1.example.org",DCGM_FI_DRIVER_VERSION="535"} 97
DCGM_FI_DEV_POWER_USAGE{gpu="3",UUID="GPU-1",device="nvidia3",modelName="NVIDIA H100 80GB HBM3",Hostname="t1.example.org"} 641.513000
DCGM_FI_DEV_POWER_MGMT_LIMIT{gpu="3",device="nvidia3",Hostname="t1"} 700
weir_gpu_processes{ gpu="3" , device="nvidia3", Hostname="t1", } 2
process_cpu_seconds_total 12 garbage that is not looked at
)");
    REQUIRE(told.size() == 1);
    CHECK(told[0] ==
          GpuReading{"t1", 3, kNow, "NVIDIA H100 80GB HBM3", 97, Watts{642}, Watts{700}, 2, false, "", ""});
}

TEST_CASE("series of MIG instances, impossible values and unknown GPUs say nothing", "[telemetry]") {
    CHECK(read("DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",GPU_I_ID=\"1\",Hostname=\"t1\"} 5\n"
               "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"t1\"} NaN\n"
               "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"t1\"} 101\n"
               "DCGM_FI_DEV_POWER_USAGE{gpu=\"0\",Hostname=\"t1\"} -1\n"
               "DCGM_FI_DEV_GPU_UTIL{gpu=\"x\",Hostname=\"t1\"} 5\n"
               "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} 5\n")
              .empty());
}

TEST_CASE("how near GPUs are to each other is part of a reading", "[telemetry]") {
    const auto told = read(
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",device=\"nvidia1\",Hostname=\"t1\"} 5\n"
        "weir_gpu_near_info{gpu=\"0\",device=\"nvidia1\",near=\"46\",Hostname=\"t1\"} 1\n");
    REQUIRE(told.size() == 1);
    CHECK(told[0].device == 1);
    CHECK(told[0].near == "46");
    CHECK(told[0].utilisation == 5);
    CHECK(gpu_expression("").find("weir_gpu_near_info") != std::string::npos);
}

TEST_CASE("of two exporters the one that saw more work counts", "[telemetry]") {
    const auto told = read(
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"t1\",UUID=\"a\"} 90\n"
        "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",Hostname=\"t1\",UUID=\"b\"} 0\n");
    REQUIRE(told.size() == 1);
    CHECK(told[0].utilisation == 90);
}

TEST_CASE("a broken line is told with its number", "[telemetry]") {
    Readings readings;
    for (const char* text : {"\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0} 5\n",
                             "\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\"} five\n", "\nDCGM_FI_DEV_GPU_UTIL{=\"0\"} 5\n",
                             "\nDCGM_FI_DEV_GPU_UTIL{gpu=\"0\"\n", "\nDCGM_FI_DEV_GPU_UTIL"}) {
        const auto outcome = read_exposition(text, kNow, readings);
        REQUIRE_FALSE(outcome);
        CHECK(outcome.error().message.starts_with("line 2 is no sample: DCGM"));
    }
}

TEST_CASE("Prometheus' answer carries the time at which each GPU was sampled", "[telemetry]") {
    Readings readings;
    REQUIRE(read_prometheus(R"({"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"__name__":"DCGM_FI_DEV_GPU_UTIL","Hostname":"t1","device":"nvidia1","gpu":"1"},"value":[1800000000.5,"4"]},
        {"metric":{"Hostname":"t1","device":"nvidia1","gpu":"1","weir":"at"},"value":[1800000000.5,"1799999985.25"]}]}})",
                            readings));
    const auto told = readings.take();
    REQUIRE(told.size() == 1);
    CHECK(told[0].utilisation == 4);
    CHECK(told[0].at == kNow - 15s);
}

TEST_CASE("a range of Prometheus is one reading a step", "[telemetry]") {
    Readings readings;
    REQUIRE(read_prometheus(R"({"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"DCGM_FI_DEV_GPU_UTIL","Hostname":"t1","gpu":"1"},"values":[[1799999940,"4"],[1800000000,"7"]]}]}})",
                            readings));
    const auto told = readings.take();
    REQUIRE(told.size() == 2);
    CHECK(told[0].at == kNow - 60s);
    CHECK(told[1].utilisation == 7);
}

TEST_CASE("what is not an answer of Prometheus is an error", "[telemetry]") {
    Readings readings;
    for (const char* text :
         {"", "<html>", "[]", R"({"status":"success"})", R"({"status":"success","data":{"result":[{}]}})",
          R"({"status":"success","data":{"result":[{"metric":{},"value":[1,2]}]}})"})
        CHECK_FALSE(read_prometheus(text, readings));
    const auto refused =
        read_prometheus(R"({"status":"error","errorType":"bad_data","error":"parse error"})", readings);
    CHECK(refused.error().message == "Prometheus refuses the query: parse error");
}

TEST_CASE("further matchers are asked for in both halves of the expression", "[telemetry]") {
    const std::string expression = gpu_expression("cluster=\"a\"");
    const auto first = expression.find(",cluster=\"a\"");
    REQUIRE(first != std::string::npos);
    CHECK(expression.find(",cluster=\"a\"", first + 1) != std::string::npos);
}

TEST_CASE("a window tells the extremes of its samples and how much of it they cover", "[telemetry]") {
    GpuHistory history;
    history.set_up(10min, 30s);
    for (int i = 40; i > 0; --i) history.record(reading(kNow - i * 30s, i % 2 == 0 ? 1 : 4));
    Snapshot snapshot = scene(kNow);
    history.look(snapshot);
    const GpuUse& use = snapshot.gpu_uses[0];
    CHECK(use.model == "NVIDIA H100 80GB HBM3");
    CHECK(use.power_limit == Watts{700});
    CHECK(use.sampled == kNow - 30s);
    REQUIRE(use.windows.size() == 1);
    CHECK(use.windows[0] == GpuWindow{10min, 100, 1, 4, Watts{74}, std::nullopt});
    CHECK(use.since_start.utilisation_max == 4);
    CHECK(history.gpus() == 1);
}

TEST_CASE("gaps leave a window less covered, and no sample stands for more than one and a half periods",
          "[telemetry]") {
    GpuHistory history;
    history.set_up(10min, 30s);
    for (int i = 20; i > 0; --i)
        if (i <= 4 || i > 16) history.record(reading(kNow - i * 30s, 0));
    Snapshot snapshot = scene(kNow);
    history.look(snapshot);
    CHECK(snapshot.gpu_uses[0].windows[0].covered == 100 * (4 * 30 + 3 * 30 + 46) / 600);
}

TEST_CASE("a value that a sample lacks is not known of its window", "[telemetry]") {
    GpuHistory history;
    history.set_up(10min, 30s);
    history.record(reading(kNow - 60s, 3));
    GpuReading lacking = reading(kNow - 30s, 3);
    lacking.utilisation.reset();
    history.record(lacking);
    Snapshot snapshot = scene(kNow);
    history.look(snapshot);
    CHECK_FALSE(snapshot.gpu_uses[0].windows[0].utilisation_max);
    CHECK(snapshot.gpu_uses[0].windows[0].power_max == Watts{73});
}

TEST_CASE("since the start is of the job that holds the GPU, not of the one before", "[telemetry]") {
    GpuHistory history;
    history.set_up(10min, 30s);
    history.record(reading(kNow - 2min, 90));
    Snapshot before = scene(kNow - 1min);
    history.look(before);
    CHECK(before.gpu_uses[0].since_start.utilisation_max == 90);
    history.record(reading(kNow, 2));
    Snapshot after = scene(kNow);
    after.jobs[0].id = after.gpu_uses[0].job = JobId{18};
    after.jobs[0].started = kNow - 1min;
    history.look(after);
    CHECK(after.gpu_uses[0].since_start.utilisation_max == 2);
}

TEST_CASE("a node's GPUs are as near to each other as all of them tell", "[telemetry]") {
    GpuHistory history;
    history.set_up(10min, 30s);
    const auto near = [&](Time at, int device, std::string row) {
        GpuReading told = reading(at, 50, device);
        told.near = std::move(row);
        history.record(told);
        Snapshot snapshot = scene(at);
        history.look(snapshot);
        return snapshot.nodes[0].pairs;
    };
    CHECK_FALSE(near(kNow - 60s, 0, "65").known());  // the other has yet to tell
    CHECK(near(kNow - 60s, 1, "56") == GpuPairs("5"));
    CHECK(near(kNow - 30s, 0, "65") == GpuPairs("5"));
    CHECK_FALSE(near(kNow - 15s, 0, "").known());  // an exporter that does not tell
    CHECK(near(kNow - 10s, 0, "64") == GpuPairs("4"));
    CHECK_FALSE(near(kNow - 5s, 0, "6").known());
}

TEST_CASE("a GPU that is lost leaves it known how near the others are", "[telemetry]") {
    GpuHistory history;
    history.set_up(10min, 30s);
    for (int device : {0, 1}) {
        GpuReading told = reading(kNow - 60s, 50, device);
        told.near = device == 0 ? "65" : "56";
        history.record(told);
    }
    GpuReading lost;
    lost.node = "t1";
    lost.device = 1;
    lost.at = kNow;
    history.record(lost);
    Snapshot snapshot = scene(kNow);
    history.look(snapshot);
    CHECK(snapshot.nodes[0].pairs == GpuPairs("5"));
}

TEST_CASE("a node that tells of more GPUs than Slurm knows contradicts it", "[telemetry]") {
    GpuHistory history;
    history.set_up(10min, 30s);
    history.record(reading(kNow, 0, 7));
    Snapshot snapshot = scene(kNow);
    history.look(snapshot);
    CHECK(snapshot.gpu_uses[0].contradiction == "its node tells of GPU 7, and Slurm knows 2");
}
