// SPDX-License-Identifier: GPL-2.0-or-later
// The search beside an exact solver, and beside plain greedy, which shows that the instances are not easy.
#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <set>

#include "tests/unit/consolidate/exact.h"
#include "tests/unit/consolidate/greedy.h"

using namespace weir::test;
using namespace weir::policies::consolidation;

namespace {

// Makes a solution's moves and looks whether each may be made then, and whether they meet the goal at the
// price.
class Replay {
  public:
    Replay(Packing packing, const Goal& goal, const Solution& solution)
        : packing_(std::move(packing)), goal_(goal), solution_(solution) {}

    bool holds() {
        return std::ranges::all_of(solution_.moves, [&](const auto& move) { return make(move); }) &&
               meets_goal();
    }

  private:
    bool make(const Relocation& move) {
        Item& item = packing_.item(move.item);
        if (!item.movable || !moved_.insert(move.item).second || move.to.size() != item.at.size())
            return false;
        packing_.lift(move.item);
        std::int64_t price = item.price;
        std::set<BinIndex> bins;
        for (const Hold& hold : move.to) {
            if (!bins.insert(hold.bin).second || !has_room(hold, item)) return false;
            if (std::ranges::find(item.at, hold.bin, &Hold::bin) == item.at.end())
                price += item.hold * packing_.bin(hold.bin).free_at_first;
        }
        item.at = move.to;
        packing_.drop(move.item);
        price_ += price;
        return price == move.price;
    }

    bool has_room(const Hold& hold, const Item& item) const {
        const auto& bin = packing_.bin(hold.bin);
        const Size& size = item.size;
        if (!bin.open || std::ranges::binary_search(solution_.bins, hold.bin)) return false;
        if (item.allowed != nullptr && (*item.allowed)[hold.bin] == 0) return false;
        if (bin.cpus < size.cpus || bin.memory < size.memory || std::popcount(hold.gpus) != size.gpus)
            return false;
        const auto slots = packing_.slots(hold.bin);
        for (std::size_t i = 0; i < kMostGpus; ++i) {
            if ((hold.gpus >> i & 1U) == 0) continue;
            if (i >= slots.size() || slots[i].free < size.thousandths) return false;
            if (size.gpu_type != kAnyType && slots[i].type != size.gpu_type) return false;
        }
        return true;
    }

    bool meets_goal() {
        for (const BinIndex bin : solution_.bins) {
            const auto target = std::ranges::find(goal_.targets, bin, &Target::bin);
            if (target == goal_.targets.end() || !packing_.find(bin, target->need)) return false;
            price_ += target->price;
        }
        const std::set<BinIndex> bins(solution_.bins.begin(), solution_.bins.end());
        return std::ssize(bins) == goal_.bins && std::ranges::equal(bins, solution_.bins) &&
               price_ == solution_.price;
    }

    Packing packing_;
    const Goal& goal_;
    const Solution& solution_;
    std::set<ItemIndex> moved_;
    std::int64_t price_ = 0;
};

bool holds(const Instance& instance, const Solution& solution) {
    return Replay(instance.packing, instance.goal, solution).holds() &&
           solution.price < instance.limits.below && std::ssize(solution.moves) <= instance.limits.moves;
}

}  // namespace

TEST_CASE("on a thousand small instances the search nearly always finds what an exact solver does",
          "[consolidate][exact]") {
    constexpr unsigned kInstances = 1000;
    int feasible = 0, found = 0, near = 0, missed_by_greedy = 0;
    for (unsigned seed = 1; seed <= kInstances; ++seed) {
        CAPTURE(seed);
        Instance instance = small_instance(seed);
        const Exact exact = solve_exactly(instance);
        REQUIRE(exact.solved);
        const auto greedy = greedy_price(instance);
        const auto solution = cheapest(instance.packing, instance.goal, instance.limits);
        if (solution) REQUIRE(holds(instance, *solution));
        if (!exact.price) {
            REQUIRE(!solution);
            continue;
        }
        ++feasible;
        if (!greedy || *greedy > *exact.price) ++missed_by_greedy;
        if (!solution) continue;
        REQUIRE(solution->price >= *exact.price);
        ++found;
        if (10 * solution->price <= 11 * *exact.price) ++near;
    }
    CAPTURE(feasible, found, near, missed_by_greedy);
    CHECK(feasible >= 500);
    CHECK(feasible <= 900);
    CHECK(100 * found >= 98 * feasible);
    CHECK(100 * near >= 95 * feasible);
    CHECK(5U * static_cast<unsigned>(missed_by_greedy) >= kInstances);
}
