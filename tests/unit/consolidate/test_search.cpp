// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <random>

#include "policies/consolidate/order.h"
#include "policies/consolidate/search.h"
#include "tests/unit/consolidate/exact.h"

using namespace weir::policies::consolidation;

namespace {

Size size_of(std::int64_t gpus) {
    return {8 * gpus, 8 * gpus, static_cast<int>(gpus)};
}

// Bins of four GPUs with 8 CPUs each, in which jobs sit.
struct Cluster {
    Packing packing;

    void bins(int count, int type = 0, int group = -1, bool open = true) {
        const std::vector<Slot> slots(4, Slot{type, kWholeGpu});
        for (int i = 0; i < count; ++i) packing.add_bin(32, 32, slots, group, open);
    }

    ItemIndex job(const std::vector<BinIndex>& bins, int gpus, std::int64_t price, const Size* of = nullptr) {
        Item item;
        item.size = of != nullptr ? *of : size_of(gpus);
        item.movable = true;
        item.price = price;
        for (const BinIndex bin : bins) {
            item.at.push_back(packing.find(bin, item.size).value());
            packing.take(item.at.back(), item.size);
        }
        return packing.add_item(std::move(item));
    }

    // What is not known of and never moves.
    void occupy(BinIndex bin, int gpus) {
        const Size size = size_of(gpus);
        packing.take(packing.find(bin, size).value(), size);
    }
};

constexpr Size kWholeBin{32, 32, 4};
constexpr std::int64_t kAnyPrice = 1'000'000;

Goal free_one_of(const std::vector<BinIndex>& bins, Size need = kWholeBin) {
    Goal goal;
    for (const BinIndex bin : bins) goal.targets.push_back({bin, need, 0});
    return goal;
}

Limits cheaper_than(std::int64_t price) {
    Limits limits;
    limits.below = price;
    return limits;
}

std::optional<Solution> solve(Cluster& cluster, const Goal& goal, Limits limits = cheaper_than(kAnyPrice)) {
    return cheapest(cluster.packing, goal, limits);
}

std::vector<ItemIndex> moved(const std::optional<Solution>& solution) {
    std::vector<ItemIndex> items;
    for (const Relocation& move : solution.value().moves) items.push_back(move.item);
    return items;
}

std::vector<BinIndex> bins_of(const Relocation& move) {
    std::vector<BinIndex> bins;
    for (const Hold& hold : move.to) bins.push_back(hold.bin);
    return bins;
}

// All that a search might change.
using Picture =
    std::vector<std::tuple<std::int64_t, std::int64_t, int, std::vector<int>, std::vector<ItemIndex>>>;

Picture picture_of(const Packing& packing) {
    Picture picture;
    for (BinIndex index = 0; index < packing.bins(); ++index) {
        const auto& bin = packing.bin(index);
        std::vector<int> free;
        for (const Slot& slot : packing.slots(index)) free.push_back(slot.free);
        picture.emplace_back(bin.cpus, bin.memory, bin.whole, std::move(free), bin.items);
    }
    return picture;
}

}  // namespace

TEST_CASE("nothing moves when a bin is free already", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(3);
    cluster.job({0}, 1, 5);
    cluster.job({2}, 1, 5);
    CHECK(solve(cluster, free_one_of({0, 1, 2})) == Solution{{1}, {}, 0});
}

TEST_CASE("the cheapest jobs make room, wherever they are", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(3);
    cluster.job({0}, 2, 50);
    const ItemIndex idle = cluster.job({1}, 2, 0);
    cluster.job({2}, 2, 40);
    const auto solution = solve(cluster, free_one_of({0, 1, 2}));
    CHECK(moved(solution) == std::vector{idle});
    CHECK(solution->bins == std::vector<BinIndex>{1});
    CHECK(solution->price == 0);
}

TEST_CASE("no more jobs move than it takes", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(2);
    cluster.job({0}, 1, 5);
    cluster.job({0}, 1, 6);
    const ItemIndex pair = cluster.job({0}, 2, 9);
    CHECK(moved(solve(cluster, free_one_of({0}, {16, 16, 2}))) == std::vector{pair});
}

TEST_CASE("a job that makes room for another in turn goes first", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(3);
    const ItemIndex large = cluster.job({0}, 3, 10);
    const ItemIndex small = cluster.job({1}, 1, 3);
    cluster.job({1}, 1, 4);
    cluster.occupy(2, 3);
    const auto solution = solve(cluster, free_one_of({0}));
    CHECK(moved(solution) == std::vector{small, large});
    CHECK(bins_of(solution->moves[0]) == std::vector<BinIndex>{2});
    CHECK(bins_of(solution->moves[1]) == std::vector<BinIndex>{1});
    CHECK(solution->moves[0].price == 3);
    CHECK(solution->price == 13);
    Limits direct = cheaper_than(kAnyPrice);
    direct.chain = 0;
    CHECK_FALSE(solve(cluster, free_one_of({0}), direct));

    carry_out(cluster.packing, *solution);
    CHECK(cluster.packing.bin(0).whole == 4);
    CHECK(cluster.packing.bin(1).whole == 0);
    CHECK(cluster.packing.bin(2).items == std::vector{small});
}

TEST_CASE("jobs that would have to change places stay", "[consolidate][search]") {
    // The job of bin 0 may only go to bin 1, where it had room if those of bins 1 and 2 changed places:
    // neither can go first.
    Cluster cluster;
    cluster.bins(3);
    const BinFlags second{0, 1, 0, 0};
    const ItemIndex bound = cluster.job({0}, 1, 1);
    cluster.packing.item(bound).allowed = &second;
    const ItemIndex large = cluster.job({1}, 2, 1);
    cluster.occupy(1, 2);
    const ItemIndex small = cluster.job({2}, 1, 1);
    cluster.occupy(2, 2);
    const Goal goal = free_one_of({0});
    weir::test::Instance instance;
    instance.packing = cluster.packing;
    instance.goal = goal;
    instance.limits = cheaper_than(kAnyPrice);
    CHECK(weir::test::solve_exactly(instance).price == 3);  // which knows no order
    CHECK_FALSE(solve(cluster, goal));

    cluster.bins(1);  // a way out
    cluster.occupy(3, 3);
    CHECK(moved(solve(cluster, goal)) == std::vector{small, large, bound});
}

TEST_CASE("a move that others wait for comes before one that would be in its way", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(3);
    const ItemIndex last = cluster.job({0}, 2, 5);
    const ItemIndex second = cluster.job({1}, 2, 6);
    const ItemIndex first = cluster.job({2}, 2, 7);
    cluster.occupy(2, 2);
    const Picture before = picture_of(cluster.packing);
    std::vector<Relocation> moves{{last, {{1, 0}}, 0}, {first, {{1, 0}}, 0}, {second, {{2, 0}}, 0}};
    Board board(cluster.packing, 100);
    CHECK(put_in_order(board, moves));
    CHECK(picture_of(cluster.packing) == before);
    CHECK(moves == std::vector<Relocation>{
                       {first, {{1, 0b1100}}, 7}, {second, {{2, 0b0011}}, 6}, {last, {{1, 0b0011}}, 5}});
}

TEST_CASE("no more moves are made than allowed", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(3);
    for (int i = 0; i < 3; ++i) cluster.job({0}, 1, 1);
    cluster.job({1}, 2, 100);
    Limits limits = cheaper_than(kAnyPrice);
    const Goal goal = free_one_of({0, 1});
    CHECK(solve(cluster, goal, limits)->moves.size() == 3);
    cluster.occupy(2, 2);
    limits.moves = 2;
    CHECK(solve(cluster, goal, limits)->moves.size() == 1);
    limits.moves = 0;
    CHECK_FALSE(solve(cluster, goal, limits));
}

TEST_CASE("a solution costs less than the limit", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(2);
    cluster.job({0}, 1, 7);
    Goal goal = free_one_of({0});
    goal.targets[0].price = 2;
    CHECK(solve(cluster, goal, cheaper_than(10))->price == 9);
    CHECK_FALSE(solve(cluster, goal, cheaper_than(9)));
    CHECK_FALSE(solve(cluster, free_one_of({1}), cheaper_than(0)));
}

TEST_CASE("what is held free for a job on its way has its price", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(3);
    const ItemIndex job = cluster.job({0}, 1, 10);
    cluster.packing.item(job).hold = 5;
    CHECK(solve(cluster, free_one_of({0}))->price == 30);
    Cluster other;
    other.bins(2);
    other.job({0}, 1, 10);
    other.bins(1);
    other.job({2}, 2, 999);
    other.packing.item(0).hold = 5;
    CHECK(solve(other, free_one_of({0}))->price == 30);  // free at first is what counts
}

TEST_CASE("two bins are freed together, and a job that is in both is paid for once",
          "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(6);
    const ItemIndex pair = cluster.job({0, 1}, 2, 10);
    cluster.job({2}, 1, 6);
    cluster.job({3}, 1, 6);
    Goal goal = free_one_of({0, 1, 2, 3});
    goal.bins = 2;
    const auto solution = solve(cluster, goal);
    CHECK(solution->bins == std::vector<BinIndex>{0, 1});
    CHECK(moved(solution) == std::vector{pair});
    CHECK(solution->price == 10);
}

TEST_CASE("a job of several bins moves with all its parts or stays", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(3);
    const ItemIndex pair = cluster.job({0, 1}, 3, 10);
    auto solution = solve(cluster, free_one_of({0}));
    REQUIRE(moved(solution) == std::vector{pair});
    CHECK(bins_of(solution->moves[0]) ==
          std::vector<BinIndex>{1, 2});  // restarted, but one part where it was

    cluster.occupy(2, 2);
    CHECK_FALSE(solve(cluster, free_one_of({0})));
}

TEST_CASE("the parts of a job stay within one group where they are so now", "[consolidate][search]") {
    const auto spread = [](bool together) {
        Cluster cluster;
        cluster.bins(2, 0, 0);
        cluster.bins(1, 0, 1);
        cluster.bins(2, 0, 2);
        cluster.packing.item(cluster.job({0, 1}, 3, 10)).together = together;
        return bins_of(solve(cluster, free_one_of({0}))->moves.at(0));
    };
    CHECK(spread(false) == std::vector<BinIndex>{1, 2});
    CHECK(spread(true) == std::vector<BinIndex>{3, 4});
}

TEST_CASE("nothing goes to a bin that is closed, not allowed or wanted itself", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(1);
    cluster.bins(1, 0, -1, false);
    const ItemIndex job = cluster.job({0}, 1, 1);
    CHECK_FALSE(solve(cluster, free_one_of({0})));
    cluster.bins(2);
    const BinFlags last{0, 0, 0, 1};
    cluster.packing.item(job).allowed = &last;
    CHECK(bins_of(solve(cluster, free_one_of({0}))->moves.at(0)) == std::vector<BinIndex>{3});
    Goal both = free_one_of({0, 3});
    both.bins = 2;
    CHECK_FALSE(solve(cluster, both));
}

TEST_CASE("what cannot move stays", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(2);
    cluster.packing.item(cluster.job({0}, 1, 1)).movable = false;
    CHECK_FALSE(solve(cluster, free_one_of({0})));
}

TEST_CASE("a job goes where GPUs of its type are", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(1, 7);
    cluster.bins(1, 8);
    cluster.bins(1, 7);
    Size size{8, 8, 1};
    size.gpu_type = 7;
    cluster.job({0}, 1, 1, &size);
    cluster.occupy(2, 1);
    CHECK(bins_of(solve(cluster, free_one_of({0}))->moves.at(0)) == std::vector<BinIndex>{2});
    Size red = kWholeBin;
    red.gpu_type = 8;
    cluster.occupy(1, 1);
    CHECK_FALSE(solve(cluster, free_one_of({0, 1}, red)));
}

TEST_CASE("shares of GPUs and jobs of CPUs alone move, too", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(3);
    const Size half{1, 1, 1, 500}, cpus{30, 1};
    const ItemIndex share = cluster.job({0}, 1, 5, &half);
    const ItemIndex alone = cluster.job({0}, 0, 5, &cpus);
    cluster.occupy(1, 3);
    cluster.packing.take({1, 0b1000}, half);
    const auto solution = solve(cluster, free_one_of({0}));
    REQUIRE(solution);
    REQUIRE(solution->moves.size() == 2);
    for (const Relocation& move : solution->moves)
        CHECK(move.to == std::vector{move.item == share ? Hold{1, 0b1000} : Hold{2, 0}});
    CHECK(solution->moves[0].item + solution->moves[1].item == share + alone);
}

TEST_CASE("a huge packing takes no more than its steps, stays as it was and is solved alike again",
          "[consolidate][search]") {
    Cluster cluster;
    constexpr int kBins = 10'000;
    cluster.bins(kBins);
    std::mt19937 random(1);
    for (BinIndex bin = 0; bin < kBins; ++bin)
        for (int left = 4; left > 0; --left) cluster.job({bin}, 1, 1 + static_cast<int>(random() % 1000));
    std::vector<BinIndex> all(kBins);
    for (BinIndex bin = 0; bin < kBins; ++bin) all[bin] = bin;
    const Goal goal = free_one_of(all);
    const Picture before = picture_of(cluster.packing);
    CHECK_FALSE(solve(cluster, goal));  // it is full
    CHECK(picture_of(cluster.packing) == before);

    for (BinIndex bin = 0; bin < kBins; bin += 100) {
        const ItemIndex first = cluster.packing.bin(bin).items.front();
        cluster.packing.lift(first);  // it ends
        cluster.packing.item(first).at.clear();
    }
    const Picture later = picture_of(cluster.packing);
    for (const std::int64_t steps : {0, 1, 100, 3'000, 100'000}) {
        CAPTURE(steps);
        Limits limits = cheaper_than(kAnyPrice);
        limits.steps = steps;
        const auto solution = solve(cluster, goal, limits);
        CHECK(solution.has_value() == (steps >= 3'000));
        CHECK(picture_of(cluster.packing) == later);
        CHECK(solve(cluster, goal, limits) == solution);
    }
}

TEST_CASE("many bins on a full cluster end with the steps, too", "[consolidate][search]") {
    Cluster cluster;
    cluster.bins(400);
    std::vector<BinIndex> all;
    for (BinIndex bin = 0; bin < 400; ++bin) {
        for (int i = 0; i < (bin % 100 == 0 ? 3 : 4); ++i) cluster.job({bin}, 1, 100 + i);
        all.push_back(bin);
    }
    Goal goal = free_one_of(all);
    goal.bins = 8;
    Limits limits = cheaper_than(kAnyPrice);
    limits.moves = 64;
    limits.steps = 20'000;
    const Picture before = picture_of(cluster.packing);
    CHECK_FALSE(solve(cluster, goal, limits));  // 4 GPUs are free, 32 are wanted
    CHECK(picture_of(cluster.packing) == before);
}
