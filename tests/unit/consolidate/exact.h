// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "tests/unit/consolidate/instances.h"

namespace weir::test {

// The least price of an instance by integer programming, absent if there is no solution; `solved` is whether
// the solver came to its end. Exact but for the order of moves, which it does not know: it takes a cyclic
// exchange, of which no move can be the first, for a solution. So its price is at most the true one.
struct Exact {
    bool solved = false;
    std::optional<std::int64_t> price;
};

Exact solve_exactly(const Instance& instance);

}  // namespace weir::test
