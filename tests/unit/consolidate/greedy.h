// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>

#include "tests/unit/consolidate/instances.h"

namespace weir::test {

// What plain greedy pays, absent if it fails: the bins that are cheapest to free, the cheapest items first,
// each to where it fits best; nothing makes room for anything, and no second choice is tried.
std::optional<std::int64_t> greedy_price(const Instance& instance);

}  // namespace weir::test
