// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/units.h"

#include <array>
#include <utility>

namespace weir {

std::string to_text(Duration duration) {
    if (duration < Duration::zero()) return "-" + to_text(-duration);
    constexpr std::array<std::pair<std::int64_t, char>, 4> kUnits{
        {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
    std::string text;
    std::int64_t rest = duration.count();
    int parts = 0;
    for (auto [seconds, unit] : kUnits) {
        if (rest < seconds || parts == 2) continue;
        text += std::to_string(rest / seconds) + unit;
        rest %= seconds;
        ++parts;
    }
    return text.empty() ? "0s" : text;
}

}  // namespace weir
