// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "policies/model/gpu_set.h"

using namespace weir;

namespace {

constexpr PciAddress bridge(std::uint8_t bus) {
    return {0, bus, 0, 0};
}

Gpu gpu(std::optional<int> numa, std::optional<PciAddress> host, std::vector<PciAddress> bridges) {
    Gpu made;
    made.place.numa = numa;
    made.place.host_bridge = host;
    made.place.bridges = std::move(bridges);
    return made;
}

using Set = std::vector<std::size_t>;

// Eight GPUs, any way to one another.
Machine random_machine(std::mt19937& random) {
    const auto upto = [&](int most) { return std::uniform_int_distribution(0, most)(random); };
    Machine machine;
    for (int i = 0; i < 8; ++i) {
        std::vector<PciAddress> bridges;
        for (int depth = upto(3); depth > 0; --depth)
            bridges.push_back(bridge(static_cast<std::uint8_t>(upto(1))));
        machine.gpus.push_back(gpu(upto(1), bridge(static_cast<std::uint8_t>(100 + upto(1))), bridges));
    }
    for (std::size_t a = 0; a < 8; ++a)
        for (std::size_t b = a + 1; b < 8; ++b)
            if (upto(1) == 0) machine.links.push_back({a, b, 1 + upto(5), false, 0});
    return machine;
}

}  // namespace

TEST_CASE("two GPUs are as near as the least that parts them", "[gpu_set]") {
    Machine machine;
    machine.gpus = {gpu(0, bridge(1), {bridge(2), bridge(3)}),
                    gpu(0, bridge(1), {bridge(2), bridge(4)}),
                    gpu(0, bridge(1), {bridge(2), bridge(5), bridge(6)}),
                    gpu(0, bridge(1), {bridge(7)}),
                    gpu(0, bridge(8), {bridge(9)}),
                    gpu(1, bridge(10), {}),
                    gpu({}, {}, {}),
                    gpu({}, {}, {})};
    machine.links = {{0, 5, 2, false, 0}};
    CHECK(nearness(machine, 0, 0) == Nearness::kSame);
    CHECK(nearness(machine, 0, 1) == Nearness::kBridge);
    CHECK(nearness(machine, 0, 2) == Nearness::kBridges);
    CHECK(nearness(machine, 0, 3) == Nearness::kHostBridge);
    CHECK(nearness(machine, 0, 4) == Nearness::kNuma);
    CHECK(nearness(machine, 1, 5) == Nearness::kSystem);
    CHECK(nearness(machine, 0, 5) == Nearness::kNvLink);
    CHECK(nearness(machine, 5, 0) == Nearness::kNvLink);
    CHECK(nearness(machine, 6, 7) == Nearness::kSystem);
}

TEST_CASE("one NVSwitch beats one NUMA node beats one machine", "[gpu_set]") {
    Machine machine;
    for (int i = 0; i < 8; ++i) machine.gpus.push_back(gpu(i / 4, {}, {}));
    machine.links = {{0, 1, 6, true, 0}, {0, 7, 6, true, 0}, {1, 7, 6, true, 0}, {2, 3, 4, false, 0}};
    const GpuSetQuality switched = quality(machine, Set{0, 1, 7});
    CHECK(switched == GpuSetQuality{Nearness::kNvLink, 150'000});
    CHECK(quality(machine, Set{2, 3}) == GpuSetQuality{Nearness::kNvLink, 100'000});
    CHECK(switched > quality(machine, Set{2, 3}));
    CHECK(quality(machine, Set{2, 3}) > quality(machine, Set{0, 1, 2}));
    CHECK(quality(machine, Set{0, 1, 2}) == GpuSetQuality{Nearness::kNuma, 0});
    CHECK(quality(machine, Set{0, 1, 2}) > quality(machine, Set{0, 1, 4}));
    CHECK(quality(machine, Set{5}) > switched);
    CHECK(quality(machine, Set{}) == quality(machine, Set{5}));
}

TEST_CASE("a set is worth the same in any order, and no subset is worth less", "[gpu_set]") {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        const Machine machine = random_machine(random);
        Set set(8);
        for (std::size_t i = 0; i < 8; ++i) set[i] = i;
        std::ranges::shuffle(set, random);
        GpuSetQuality last = quality(machine, set);
        while (!set.empty()) {
            Set sorted = set;
            std::ranges::sort(sorted);
            CHECK(quality(machine, sorted) == last);
            set.pop_back();
            const GpuSetQuality smaller = quality(machine, set);
            CHECK(smaller >= last);
            last = smaller;
        }
    }
}
