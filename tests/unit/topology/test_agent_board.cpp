// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "topology/agent/board.h"

using namespace weir;
using namespace weir::agent;
using namespace std::chrono_literals;
using topology::GpuSample;

namespace {

constexpr Clock::time_point kStart{1h};

GpuSample gpu(unsigned int index, bool lost = false) {
    GpuSample made;
    made.index = index;
    made.lost = lost;
    return made;
}

Health health_at(const Board& board, Clock::time_point now) {
    return health_of(board.look(now));
}

}  // namespace

TEST_CASE("a sample is shown for three periods and not longer", "[agent]") {
    Board board(10s, kStart);
    CHECK(health_at(board, kStart) == Health{false, "no sample has been taken yet"});
    board.sampled({gpu(0), gpu(1)}, Seconds(0.5), kStart + 1s);
    const View fresh = board.look(kStart + 31s);
    REQUIRE(fresh.gpus);
    CHECK(*fresh.gpus == std::vector{gpu(0), gpu(1)});
    CHECK(fresh.age == 30s);
    CHECK(fresh.took == 500ms);
    CHECK(fresh.samples == 1);
    CHECK(health_of(fresh) == Health{true, "2 GPUs"});
    const View stale = board.look(kStart + 32s);
    CHECK_FALSE(stale.gpus);
    CHECK(stale.samples == 1);
    CHECK(health_of(stale) == Health{false, "NVIDIA's driver has not answered for three periods"});
    board.sampled({gpu(0)}, Seconds(31), kStart + 33s);
    CHECK(health_at(board, kStart + 34s) == Health{true, "1 GPU"});
}

TEST_CASE("a driver that never answers at all is told of", "[agent]") {
    const Board board(10s, kStart);
    CHECK(health_at(board, kStart + 31s) ==
          Health{false, "NVIDIA's driver has not answered for three periods"});
}

TEST_CASE("a driver that is gone takes its samples along; without a library there is the topology",
          "[agent]") {
    Board board(10s, kStart);
    board.sampled({gpu(0)}, Seconds(0), kStart);
    board.failed({"NVML: Driver Not Loaded (9)", 9}, kStart + 10s);
    CHECK_FALSE(board.look(kStart + 10s).gpus);
    CHECK(health_at(board, kStart + 10s) == Health{false, "NVML: Driver Not Loaded (9)"});
    board.failed({"NVML: libnvidia-ml.so.1: cannot open shared object file", 0}, kStart + 20s);
    CHECK(health_at(board, kStart + 20s) ==
          Health{true, "topology only: NVML: libnvidia-ml.so.1: cannot open shared object file"});
    board.sampled({gpu(0)}, Seconds(0), kStart + 30s);
    CHECK(health_at(board, kStart + 30s) == Health{true, "1 GPU"});
}

TEST_CASE("lost GPUs are named", "[agent]") {
    Board board(10s, kStart);
    board.sampled({gpu(0, true), gpu(1), gpu(2, true)}, Seconds(0), kStart);
    CHECK(health_at(board, kStart) == Health{true, "3 GPUs, lost: 0 2"});
}

TEST_CASE("the topology is shown once it is discovered, whatever NVML does", "[agent]") {
    Board board(10s, kStart);
    CHECK_FALSE(board.look(kStart).topology);
    board.discovered("{}\n", {"6"});
    REQUIRE(board.look(kStart + 1h).topology);
    CHECK(*board.look(kStart + 1h).topology == "{}\n");
}
