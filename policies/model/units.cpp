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

std::string utc(Time time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    auto padded = [](std::int64_t number, std::size_t width) {
        std::string text = std::to_string(number);
        return text.size() < width ? std::string(width - text.size(), '0') + text : text;
    };
    return padded(static_cast<int>(date.year()), 4) + "-" + padded(static_cast<unsigned>(date.month()), 2) +
           "-" + padded(static_cast<unsigned>(date.day()), 2) + "T" + padded(clock.hours().count(), 2) + ":" +
           padded(clock.minutes().count(), 2) + ":" + padded(clock.seconds().count(), 2) + "Z";
}

}  // namespace weir
