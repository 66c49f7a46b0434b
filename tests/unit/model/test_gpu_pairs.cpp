// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/gpu_pairs.h"

#include <catch2/catch.hpp>
#include <random>

using namespace weir;

namespace {

using Set = std::vector<std::size_t>;
using Rows = std::vector<std::string>;

// Four GPUs: 0 and 1 behind one switch, 2 and 3 over NVLink, the pairs apart by the link between processors.
const Rows kRows = {"6400", "4600", "0065", "0056"};

// The nearest that any `count` of these GPUs are, by trying all sets.
Nearness best_of_all(const GpuPairs& pairs, const Set& gpus, std::size_t count) {
    Nearness best = Nearness::kSystem;
    for (unsigned chosen = 0; chosen < 1U << gpus.size(); ++chosen) {
        Set set;
        for (std::size_t i = 0; i < gpus.size(); ++i)
            if ((chosen >> i & 1U) != 0) set.push_back(gpus[i]);
        if (set.size() == count) best = std::max(best, pairs.worst(set).value());
    }
    return best;
}

}  // namespace

TEST_CASE("pairs are put together from a row for each GPU", "[gpu_pairs]") {
    const GpuPairs pairs = GpuPairs::from_rows(kRows);
    REQUIRE(pairs.known());
    CHECK(pairs.gpus() == 4);
    CHECK(pairs.digits() == "400005");
    CHECK(pairs == GpuPairs("400005"));
    CHECK(GpuPairs("5").gpus() == 2);
}

TEST_CASE("what does not tell of each pair of GPUs tells of none", "[gpu_pairs]") {
    for (const char* digits : {"", "44", "4444", "4x4", "474", "4-4", "4 4"}) {
        CAPTURE(digits);
        CHECK_FALSE(GpuPairs(digits).known());
        CHECK(GpuPairs(digits) == GpuPairs());
    }
    for (const Rows& rows :
         {Rows{}, Rows{""}, Rows{"64", ""}, Rows{"64", "4"}, Rows{"646", "46"}, Rows{"6x", "x6"}}) {
        CAPTURE(rows);
        CHECK_FALSE(GpuPairs::from_rows(rows).known());
    }
}

TEST_CASE("a set of GPUs is as near as its worst pair, in any order", "[gpu_pairs]") {
    const GpuPairs pairs = GpuPairs::from_rows(kRows);
    CHECK(pairs.worst(Set{0, 1}) == Nearness::kBridge);
    CHECK(pairs.worst(Set{3, 2}) == Nearness::kNvLink);
    CHECK(pairs.worst(Set{1, 3}) == Nearness::kSystem);
    CHECK(pairs.worst(Set{2, 3, 0}) == Nearness::kSystem);
    CHECK(pairs.worst(Set{3}) == Nearness::kSame);
    CHECK(pairs.worst(Set{}) == Nearness::kSame);
}

TEST_CASE("of a GPU that nobody told of nothing is known", "[gpu_pairs]") {
    const GpuPairs pairs = GpuPairs::from_rows(kRows);
    CHECK_FALSE(pairs.worst(Set{4}));
    CHECK_FALSE(pairs.worst(Set{0, 4}));
    CHECK_FALSE(pairs.worst(Set{4, 0}));
    CHECK_FALSE(pairs.best(Set{0, 1, 4}, 2));
    CHECK_FALSE(GpuPairs().worst(Set{0, 1}));
    CHECK_FALSE(GpuPairs().best(Set{0, 1}, 2));
}

TEST_CASE("the best set of free GPUs is found among them alone", "[gpu_pairs]") {
    const GpuPairs pairs = GpuPairs::from_rows(kRows);
    CHECK(pairs.best(Set{0, 1, 2, 3}, 2) == Nearness::kNvLink);
    CHECK(pairs.best(Set{0, 1, 2}, 2) == Nearness::kBridge);
    CHECK(pairs.best(Set{1, 2}, 2) == Nearness::kSystem);
    CHECK(pairs.best(Set{0, 1, 2, 3}, 3) == Nearness::kSystem);
    CHECK(pairs.best(Set{2}, 1) == Nearness::kSame);
    CHECK_FALSE(pairs.best(Set{2}, 2));
}

TEST_CASE("no set is better than what trying all finds, and a switched machine's is found", "[gpu_pairs]") {
    std::mt19937 random(11);
    const Set all = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int round = 0; round < 200; ++round) {
        std::string digits;
        for (int pair = 0; pair < 28; ++pair) digits += static_cast<char>('0' + random() % 6);
        const GpuPairs pairs(digits);
        CAPTURE(digits);
        CHECK(pairs.best(all, 2) == best_of_all(pairs, all, 2));
        for (std::size_t count = 3; count <= 8; ++count)
            CHECK(pairs.best(all, count) <= best_of_all(pairs, all, count));
        CHECK(pairs.best(all, 8) == pairs.worst(all));
    }
    // Two processors of four GPUs, each of two switches: near is near whoever one starts from.
    GpuPairs halves = GpuPairs::from_rows(
        {"64220000", "46220000", "22640000", "22460000", "00006422", "00004622", "00002264", "00002246"});
    CHECK(halves.best(all, 2) == Nearness::kBridge);
    CHECK(halves.best(all, 4) == Nearness::kHostBridge);
    CHECK(halves.best(Set{0, 2, 4, 5, 6}, 3) == Nearness::kHostBridge);
    CHECK(halves.best(all, 5) == Nearness::kSystem);
}

TEST_CASE("a machine's rows go by the numbers of its device files", "[gpu_pairs]") {
    Machine machine;
    machine.gpus.resize(3);
    for (Gpu& gpu : machine.gpus) gpu.place.numa = 0;
    machine.gpus[2].place.numa = 1;
    machine.gpus[0].minor = 2;
    machine.gpus[1].minor = 0;
    machine.gpus[2].minor = 1;
    machine.links = {{0, 1, 4, false, 0}};
    CHECK(nearness_rows(machine) == Rows{"605", "060", "506"});
    CHECK(GpuPairs::from_rows(nearness_rows(machine)).worst(Set{0, 2}) == Nearness::kNvLink);
}

TEST_CASE("a machine of which not every GPU's number is known has no rows", "[gpu_pairs]") {
    Machine machine;
    CHECK(nearness_rows(machine).empty());
    machine.gpus.resize(2);
    machine.gpus[0].minor = 0;
    CHECK(nearness_rows(machine).empty());
    machine.gpus[1].minor = 0;  // twice
    CHECK(nearness_rows(machine).empty());
    machine.gpus[1].minor = 2;  // more than there are
    CHECK(nearness_rows(machine).empty());
    machine.gpus[1].minor = 1;
    CHECK(nearness_rows(machine) == Rows{"60", "06"});
}
