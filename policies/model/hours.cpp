// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/hours.h"

#include <algorithm>

namespace weir {

bool within(const std::vector<Hours>& hours, Time at, Duration utc_offset) {
    const Time local = at + utc_offset;
    const auto midnight = std::chrono::floor<std::chrono::days>(local);
    const auto minute = std::chrono::floor<std::chrono::minutes>(local - midnight);
    const unsigned today = std::chrono::weekday(midnight).iso_encoding() - 1;
    const auto on = [](const Hours& one, unsigned day) { return (one.days >> (day % 7) & 1U) != 0; };
    return std::ranges::any_of(hours, [&](const Hours& one) {
        if (one.from < one.to) return on(one, today) && minute >= one.from && minute < one.to;
        return (on(one, today) && minute >= one.from) || (on(one, today + 6) && minute < one.to);
    });
}

}  // namespace weir
