// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "tests/bench/fragmentation/consolidation.h"
#include "tests/bench/fragmentation/record.h"
#include "tests/bench/fragmentation/trace.h"

namespace weir::bench {

// How tasks are placed, and how many of a hundred may be moved; none: no consolidation.
struct Arm {
    std::string placement;  // bestfit, fgd
    int movable = 0;

    std::string name() const;

    bool operator==(const Arm&) const = default;
};

// How a run ended. Shares are of the cluster's GPU thousandths.
struct Outcome {
    unsigned seed = 0;
    double allocated_pct = 0;
    double fragmented_pct = 0;  // what a task drawn from the list could not use, on average (Workload)
    std::size_t arrived = 0, placed = 0, moves = 0;

    double moves_per_1000() const {
        return 1000.0 * static_cast<double>(moves) / static_cast<double>(arrived);
    }
};

// One run of a list. `record` may be absent.
Outcome replay(const Trace& trace, const TaskList& list, const Arm& arm, unsigned seed, const Rules& rules,
               Record* record);

}  // namespace weir::bench
