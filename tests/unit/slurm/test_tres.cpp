// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <random>

#include "plugin/slurm/tres.h"

using weir::GpuPool;
using weir::slurm::Allocation;
using weir::slurm::count_array_tasks;
using weir::slurm::parse_allocation;
using weir::slurm::parse_gres;
using weir::slurm::total_gpus;

namespace {

using Pools = std::vector<GpuPool>;

Pools gpus(std::string_view text) {
    return parse_gres(text).pools;
}

}  // namespace

TEST_CASE("requests for GPUs are read in all of Slurm's spellings", "[slurm][tres]") {
    CHECK(gpus("gres:gpu:2") == Pools{{"", 2, 0}});
    CHECK(gpus("gres:gpu") == Pools{{"", 1, 0}});
    CHECK(gpus("gpu") == Pools{{"", 1, 0}});
    CHECK(gpus("gpu:3") == Pools{{"", 3, 0}});
    CHECK(gpus("gres:gpu:h100:2") == Pools{{"h100", 2, 0}});
    CHECK(gpus("gres:gpu:h100") == Pools{{"h100", 1, 0}});
    CHECK(gpus("gres/gpu=2") == Pools{{"", 2, 0}});
    CHECK(gpus("gres/gpu:2") == Pools{{"", 2, 0}});
    CHECK(gpus("gres/gpu:h100=2") == Pools{{"h100", 2, 0}});
    CHECK(gpus("gres/gpu:h100:2") == Pools{{"h100", 2, 0}});
    CHECK(gpus("gres:gpu:2K") == Pools{{"", 2048, 0}});
}

TEST_CASE("what nodes have and what of it is in use is read", "[slurm][tres]") {
    CHECK(gpus("gpu:h100:8(S:0-1)") == Pools{{"h100", 8, 0}});
    CHECK(gpus("gpu:h100:3(IDX:0,2-3)") == Pools{{"h100", 3, 0}});
    CHECK(gpus("gpu:h100:0(IDX:N/A)").empty());
    CHECK(gpus("gpu:h100:4(S:0),gpu:a100:2(S:1)") == Pools{{"a100", 2, 0}, {"h100", 4, 0}});
    CHECK(gpus("gpu:no_consume:4") == Pools{{"", 4, 0}});
}

TEST_CASE("counts of one type add up", "[slurm][tres]") {
    CHECK(gpus("gpu:h100:2,gpu:h100:3,gpu:1") == Pools{{"", 1, 0}, {"h100", 5, 0}});
    CHECK(total_gpus(gpus("gpu:h100:2,gpu:a100:3,gpu:1")) == 6);
    CHECK(total_gpus({}) == 0);
}

TEST_CASE("null and empty say nothing", "[slurm][tres]") {
    for (const char* text : {"", "(null)", ",", "gpu:0", "gres:gpu:h100:0"}) {
        CAPTURE(text);
        CHECK(gpus(text).empty());
        CHECK_FALSE(parse_gres(text).other_gres);
    }
}

TEST_CASE("other GRES are noticed", "[slurm][tres]") {
    CHECK(parse_gres("gpu:2,nic:1").other_gres);
    CHECK(parse_gres("gres:craynetwork:1").other_gres);
    CHECK(parse_gres("gres/nic=1").other_gres);
    CHECK(gpus("nic:2,gpu:1") == Pools{{"", 1, 0}});
    CHECK_FALSE(parse_gres("gpu:2").other_gres);
}

TEST_CASE("a name that only begins with gpu is another GRES", "[slurm][tres]") {
    CHECK(gpus("gpumem:4").empty());
    CHECK(parse_gres("gpumem:4").other_gres);
}

TEST_CASE("array tasks are counted as Slurm writes them", "[slurm][tres]") {
    CHECK(count_array_tasks("4") == 1);
    CHECK(count_array_tasks("0-4") == 5);
    CHECK(count_array_tasks("3-7,9,20-30:2%4") == 12);
    CHECK(count_array_tasks("[1-3]") == 3);
    CHECK(count_array_tasks("0-10:3") == 4);
}

TEST_CASE("an array that cannot be read has no tasks", "[slurm][tres]") {
    for (const char* text : {"", "x", "1-x", "7-3", "1-9:0", "1-2-3-4", "1-2..."}) {
        CAPTURE(text);
        CHECK(count_array_tasks(text) == 0);
    }
}

TEST_CASE("reading survives any text", "[slurm][tres]") {
    std::mt19937 random(20240602);
    constexpr std::string_view kLetters = "gpures:/=,()0123456789-%[]KMh \0x";
    for (int round = 0; round < 50'000; ++round) {
        std::string text;
        for (std::size_t size = random() % 30; size > 0; --size) text += kLetters[random() % kLetters.size()];
        CAPTURE(text);
        CHECK(total_gpus(gpus(text)) >= 0);
        CHECK(count_array_tasks(text) >= 0);
        const Allocation held = parse_allocation("cpu=" + text + ",mem=" + text + ",gres/gpu:" + text);
        CHECK((held.cpus >= 0 && held.memory >= 0 && held.gpus >= 0));
    }
}

TEST_CASE("what a job holds is read from its allocated TRES", "[slurm][tres]") {
    CHECK(parse_allocation("cpu=8,mem=4G,node=1,billing=8,gres/gpu=2,gres/gpu:h100=2") ==
          Allocation{8, 4096, 2, "h100"});
    CHECK(parse_allocation("cpu=4,mem=500M,node=2,billing=4") == Allocation{4, 500, 0, ""});
    CHECK(parse_allocation("cpu=1K,gres/gpu=3") == Allocation{1024, 0, 3, ""});
    CHECK(parse_allocation("gres/gpu:a100=2") == Allocation{0, 0, 2, "a100"});
    CHECK(parse_allocation("gres/gpu:1g.10gb=2,gres/gpu=2") == Allocation{0, 0, 2, "1g.10gb"});
    CHECK(parse_allocation("cpu=2,gres/nic=4,license/x=1") == Allocation{2, 0, 0, ""});
}

TEST_CASE("GPUs of several types, or of one that is only partly named, have no type", "[slurm][tres]") {
    CHECK(parse_allocation("gres/gpu=3,gres/gpu:a100=1,gres/gpu:h100=2") == Allocation{0, 0, 3, ""});
    CHECK(parse_allocation("gres/gpu:a100=1,gres/gpu:h100=2") == Allocation{0, 0, 3, ""});
    CHECK(parse_allocation("gres/gpu=4,gres/gpu:h100=2") == Allocation{0, 0, 4, ""});
}

TEST_CASE("memory is in MiB, whatever unit Slurm writes it in", "[slurm][tres]") {
    const auto memory = [](const char* text) { return parse_allocation(text).memory; };
    CHECK(memory("mem=512") == 512);
    CHECK(memory("mem=2048K") == 2);
    CHECK(memory("mem=1.50G") == 1536);
    CHECK(memory("mem=62.50M") == 62);
    CHECK(memory("mem=2T") == 2 * 1024 * 1024);
    CHECK(memory("mem=1P") == 1024 * 1024 * 1024);
}

TEST_CASE("an allocation that cannot be read holds nothing", "[slurm][tres]") {
    for (const char* text :
         {"",          "(null)",    ",",          "=",         "cpu",           "cpu=",    "cpu=x",
          "cpu=-1",    "mem=",      "mem=x",      "mem=-4G",   "mem=4X",        "mem=nan", "mem=inf",
          "mem=1e300", "gres/gpu=", "gres/gpu=x", "gres/gpu:", "gres/gpumem=4", "CPU=8"}) {
        CAPTURE(text);
        CHECK(parse_allocation(text) == Allocation{});
    }
}

TEST_CASE("the GPUs that a job holds on a node are told by index", "[tres]") {
    using weir::slurm::GpuIndices;
    using weir::slurm::parse_gpu_indices;
    CHECK(parse_gpu_indices("gpu:h100:3(IDX:0,6-7)") == std::vector{GpuIndices{"h100", {0, 6, 7}}});
    CHECK(parse_gpu_indices("gpu:h100:2(IDX:0-1),gpu:a100:1(IDX:4),nic:1(IDX:0)") ==
          std::vector{GpuIndices{"h100", {0, 1}}, GpuIndices{"a100", {4}}});
    CHECK(parse_gpu_indices("gpu:2(IDX:2-3)") == std::vector{GpuIndices{"", {2, 3}}});
    for (const char* text : {"", "gpu:2(CNT:2)", "gpu:2", "shard:h100:2(IDX:0-1)", "gpu(", ")(IDX:1"})
        CHECK(parse_gpu_indices(text).empty());
    CHECK(parse_gpu_indices("gpu:1(IDX:)") == std::vector{GpuIndices{"", {}}});
    CHECK(parse_gpu_indices("gpu:1(IDX:0-99999999)") == std::vector{GpuIndices{"", {}}});
}
