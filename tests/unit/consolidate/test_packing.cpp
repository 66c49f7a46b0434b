// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "policies/consolidate/packing.h"

using namespace weir::policies::consolidation;

namespace {

constexpr int kBlue = 0, kRed = 1;

Size some_gpus(int gpus, int thousandths = kWholeGpu, int type = kAnyType) {
    return {gpus, gpus, gpus, thousandths, type};
}

Packing one_bin(const std::vector<Slot>& slots) {
    Packing packing;
    packing.add_bin(64, 512, slots);
    return packing;
}

std::vector<BinIndex> listed(const BinSet& bins) {
    std::vector<BinIndex> list;
    for (const BinIndex bin : bins) list.push_back(bin);
    return list;
}

}  // namespace

TEST_CASE("an item fits where its CPUs, its memory and its GPUs are free", "[consolidate][packing]") {
    const Packing packing = one_bin({{kBlue, kWholeGpu}, {kBlue, kWholeGpu}, {kBlue, 400}});
    CHECK(packing.find(0, some_gpus(2)) == Hold{0, 0b011});
    CHECK_FALSE(packing.find(0, some_gpus(3)));
    CHECK_FALSE(packing.find(0, {65, 1, 1}));
    CHECK_FALSE(packing.find(0, {1, 513, 1}));
    CHECK(packing.find(0, {64, 512}) == Hold{0, 0});
}

TEST_CASE("a share of a GPU goes to the fullest one that has it, each of several to its own",
          "[consolidate][packing]") {
    const Packing packing = one_bin({{kBlue, kWholeGpu}, {kBlue, 700}, {kBlue, 400}});
    CHECK(packing.find(0, some_gpus(1, 300)) == Hold{0, 0b100});
    CHECK(packing.find(0, some_gpus(1, 500)) == Hold{0, 0b010});
    CHECK(packing.find(0, some_gpus(2, 500)) == Hold{0, 0b011});
    CHECK(packing.find(0, some_gpus(3, 400)) == Hold{0, 0b111});
    CHECK_FALSE(packing.find(0, some_gpus(3, 500)));
}

TEST_CASE("GPUs of another type do not serve", "[consolidate][packing]") {
    const Packing packing = one_bin({{kBlue, kWholeGpu}, {kRed, kWholeGpu}, {kRed, kWholeGpu}});
    CHECK(packing.find(0, some_gpus(2, kWholeGpu, kRed)) == Hold{0, 0b110});
    CHECK(packing.find(0, some_gpus(1, 500, kRed)) == Hold{0, 0b010});
    CHECK_FALSE(packing.find(0, some_gpus(2, kWholeGpu, kBlue)));
    CHECK(packing.find(0, some_gpus(3)) == Hold{0, 0b111});
}

TEST_CASE("room that is taken and given back is as it was", "[consolidate][packing]") {
    Packing packing = one_bin({{kBlue, kWholeGpu}, {kBlue, kWholeGpu}});
    const Size size = some_gpus(1, 300);
    const Hold hold = *packing.find(0, size);
    packing.take(hold, size);
    CHECK(packing.bin(0).cpus == 63);
    CHECK(packing.bin(0).memory == 511);
    CHECK(packing.bin(0).whole == 1);
    CHECK(packing.bin(0).free_at_first == 2);
    CHECK(packing.slots(0)[0].free == 700);
    packing.give(hold, size);
    CHECK(packing.bin(0).cpus == 64);
    CHECK(packing.bin(0).whole == 2);
    CHECK(packing.slots(0)[0].free == kWholeGpu);
}

TEST_CASE("an item leaves and enters all of its bins at once", "[consolidate][packing]") {
    Packing packing;
    const std::vector<Slot> slots(2);
    for (int i = 0; i < 3; ++i) packing.add_bin(8, 8, slots);
    const Size size = some_gpus(2);
    for (const BinIndex bin : {0U, 2U}) packing.take({bin, 0b11}, size);
    packing.take({1, 0b01}, some_gpus(1));
    Item pair, single;
    pair.size = size;
    pair.at = {{0, 0b11}, {2, 0b11}};
    single.size = some_gpus(1);
    single.at = {{1, 0b01}};
    CHECK(packing.add_item(pair) == 0);
    CHECK(packing.add_item(single) == 1);
    CHECK(packing.bin(2).items == std::vector<ItemIndex>{0});

    packing.lift(0);
    CHECK(packing.bin(0).whole == 2);
    CHECK(packing.bin(1).whole == 1);
    CHECK(packing.bin(2).whole == 2);
    CHECK(packing.bin(2).items.empty());
    packing.drop(0);
    CHECK(packing.bin(0).whole == 0);
    CHECK(packing.bin(2).items == std::vector<ItemIndex>{0});
}

TEST_CASE("bins are listed by their free GPUs, in ascending order whatever happened before",
          "[consolidate][packing]") {
    Packing packing;
    const std::vector<Slot> slots(2);
    for (int i = 0; i < 200; ++i) packing.add_bin(8, 8, slots);
    for (const BinIndex bin : {150U, 3U, 70U, 64U}) packing.take({bin, 0b01}, some_gpus(1));
    packing.take({70, 0b10}, some_gpus(1));
    packing.give({3, 0b01}, some_gpus(1));
    CHECK(packing.most_whole() == 2);
    CHECK(listed(packing.with_whole(0)) == std::vector<BinIndex>{70});
    CHECK(listed(packing.with_whole(1)) == std::vector<BinIndex>{64, 150});
    CHECK(listed(packing.with_whole(2)).size() == 197);
    CHECK(listed(packing.with_whole(2))[3] == 3);
}

TEST_CASE("GPUs that are taken from the start never count as free", "[consolidate][packing]") {
    const Packing packing = one_bin({{kBlue, 0}, {kBlue, kWholeGpu}, {kBlue, 250}});
    CHECK(packing.bin(0).whole == 1);
    CHECK(packing.bin(0).free_at_first == 1);
    CHECK_FALSE(packing.find(0, some_gpus(2)));
}
