// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tests/bench/fragmentation/cluster.h"

namespace weir::bench {

// When moves are worth it, the same for all lists. Prices are in GPU thousandths: a move costs those that it
// moves and `per_move`, and a solution has to cost less than `worth` times those that the arriving task asks
// for.
struct Rules {
    std::int64_t per_move = 100;
    double worth = 1;
    int least = 1;  // GPU thousandths; nothing is moved for tasks that ask for less
    int moves = 3;  // for one arriving task
    int chain = 2;  // how many may each make room for another in turn
    std::int64_t steps = 20'000;
    int per_thousand = 30;  // moves so far, of the tasks that have come so far
};

// Makes room for tasks that fit nowhere, by moving others.
class Consolidation {
  public:
    Consolidation(Cluster& cluster, const TaskList& list, const Rules& rules);

    // What a task that is placed is worth as an item.
    Item item(std::size_t shape, const Hold& hold, bool movable) const;

    // The moves after which the task fits, none made yet; absent if there are none that are worth it.
    // `arrived` counts the tasks that have come.
    std::optional<Solution> make_room(std::size_t shape, std::size_t arrived);
    // Counts moves that are made.
    void count(std::size_t moves) { moves_ += moves; }

  private:
    Cluster& cluster_;
    const TaskList& list_;
    Rules rules_;
    std::size_t moves_ = 0;
    std::vector<std::uint64_t> in_vain_;  // by shape: the cluster's changes when nothing was found, plus one
};

}  // namespace weir::bench
