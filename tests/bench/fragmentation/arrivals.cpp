// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/fragmentation/arrivals.h"

#include <numeric>
#include <random>

namespace weir::bench {

std::vector<Arrival> arrivals(const TaskList& list, std::int64_t capacity, unsigned seed, int movable) {
    std::mt19937_64 order(seed), choice(seed + 1'000'000ULL);
    // Spelt out, as what std::shuffle and the distributions draw differs from one library to another.
    const auto below = [&](std::size_t count) { return static_cast<std::uint32_t>(order() % count); };
    std::vector<std::uint32_t> tasks(list.tasks.size());
    std::iota(tasks.begin(), tasks.end(), 0U);
    for (std::size_t left = tasks.size(); left > 1; --left) std::swap(tasks[left - 1], tasks[below(left)]);

    std::vector<Arrival> found;
    for (std::int64_t demand = 0; demand * 10 < capacity * 13;) {
        const std::uint32_t task = found.size() < tasks.size() ? tasks[found.size()] : below(tasks.size());
        found.push_back({task, static_cast<int>(choice() % 100) < movable});
        demand += list.size_of(list.tasks[task]).gpu_thousandths();
    }
    return found;
}

}  // namespace weir::bench
