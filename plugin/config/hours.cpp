// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/hours.h"

#include <algorithm>
#include <array>
#include <optional>

#include "plugin/config/words.h"

namespace weir::config {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::optional<std::size_t> day_of(std::string_view text) {
    const auto* place = std::ranges::find(kDays, text);
    if (place == kDays.end()) return std::nullopt;
    return static_cast<std::size_t>(place - kDays.begin());
}

// "mon-fri", "sat"; over the weekend, as "fri-mon", too.
std::optional<std::uint8_t> days_of(std::string_view text) {
    const auto dash = text.find('-');
    const auto first = day_of(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : day_of(text.substr(dash + 1));
    if (!first || !last) return std::nullopt;
    unsigned days = 0;
    for (std::size_t day = *first;; day = (day + 1) % kDays.size()) {
        days |= 1U << day;
        if (day == *last) break;
    }
    return static_cast<std::uint8_t>(days);
}

// "07:30"; "24:00" is the end of the day.
std::optional<std::chrono::minutes> minute_of(std::string_view text) {
    const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : -100; };
    if (text.size() != 5 || text[2] != ':') return std::nullopt;
    const int hour = digit(0) * 10 + digit(1);
    const int minute = digit(3) * 10 + digit(4);
    if (hour < 0 || minute < 0 || minute > 59 || hour * 60 + minute > 24 * 60) return std::nullopt;
    return std::chrono::minutes(hour * 60 + minute);
}

}  // namespace

Read<Hours> read_hours(std::string_view text) {
    const auto fault =
        tl::unexpected(in_quotes(text) + " is not a time of day (as in 20:00-06:00 or mon-fri 20:00-06:00)");
    Hours hours;
    std::string_view rest = text;
    if (const auto space = rest.find(' '); space != std::string_view::npos) {
        const auto days = days_of(rest.substr(0, space));
        if (!days) return fault;
        hours.days = *days;
        rest.remove_prefix(space + 1);
    }
    const auto dash = rest.find('-');
    if (dash == std::string_view::npos) return fault;
    const auto from = minute_of(rest.substr(0, dash));
    const auto to = minute_of(rest.substr(dash + 1));
    if (!from || !to || *from == *to || *from == std::chrono::hours(24)) return fault;
    hours.from = *from;
    hours.to = *to;
    return hours;
}

}  // namespace weir::config
