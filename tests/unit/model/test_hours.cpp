// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/hours.h"

#include <catch2/catch.hpp>

using namespace weir;
using namespace std::chrono_literals;

namespace {

constexpr Time kMonday{
    Duration{1'800'000'000 - 1'800'000'000 % 604'800 + 4 * 86'400}};  // 2027-01-18 00:00 UTC
constexpr std::uint8_t kMon = 1;
constexpr std::uint8_t kTue = 2;
constexpr std::uint8_t kSun = 64;
constexpr std::uint8_t kAll = 127;

bool within_utc(const Hours& hours, Time at) {
    return within({hours}, at, Duration{});
}

}  // namespace

TEST_CASE("a time of day begins with its first second and ends before its last", "[hours]") {
    REQUIRE(std::chrono::weekday(std::chrono::floor<std::chrono::days>(kMonday)) == std::chrono::Monday);
    const Hours morning{kAll, 8h, 10h + 30min};
    CHECK_FALSE(within_utc(morning, kMonday + 8h - 1s));
    CHECK(within_utc(morning, kMonday + 8h));
    CHECK(within_utc(morning, kMonday + 10h + 29min + 59s));
    CHECK_FALSE(within_utc(morning, kMonday + 10h + 30min));
}

TEST_CASE("a whole day has no gap at its end", "[hours]") {
    const Hours monday{kMon, 0min, 24h};
    CHECK_FALSE(within_utc(monday, kMonday - 1s));
    CHECK(within_utc(monday, kMonday));
    CHECK(within_utc(monday, kMonday + 24h - 1s));
    CHECK_FALSE(within_utc(monday, kMonday + 24h));
}

TEST_CASE("what goes on past midnight is of the day on which it began", "[hours]") {
    const Hours night{kMon, 22h, 6h};
    CHECK_FALSE(within_utc(night, kMonday + 3h));  // Sunday's
    CHECK_FALSE(within_utc(night, kMonday + 22h - 1s));
    CHECK(within_utc(night, kMonday + 22h));
    CHECK(within_utc(night, kMonday + 24h));
    CHECK(within_utc(night, kMonday + 30h - 1s));
    CHECK_FALSE(within_utc(night, kMonday + 30h));
    CHECK_FALSE(within_utc(night, kMonday + 46h));  // Tuesday's
    const Hours sunday{kSun, 22h, 6h};
    CHECK(within_utc(sunday, kMonday + 3h));
    const Hours until_midnight{kMon, 22h, 0min};
    CHECK(within_utc(until_midnight, kMonday + 24h - 1s));
    CHECK_FALSE(within_utc(until_midnight, kMonday + 24h));
}

TEST_CASE("only the days that are named count", "[hours]") {
    const Hours two{static_cast<std::uint8_t>(kMon | kTue), 8h, 10h};
    for (int day = 0; day < 14; ++day) CHECK(within_utc(two, kMonday + day * 24h + 9h) == (day % 7 < 2));
}

TEST_CASE("the time of day is local, east and west of Greenwich", "[hours]") {
    const Hours monday{kMon, 8h, 10h};
    CHECK(within({monday}, kMonday + 7h, 2h));
    CHECK_FALSE(within({monday}, kMonday + 9h, 2h));
    CHECK(within({monday}, kMonday + 13h, -4h));
    CHECK(within({Hours{kMon, 0min, 1h}}, kMonday - 5h - 30min, 5h + 30min));
    CHECK(within({Hours{kSun, 23h, 24h}}, kMonday + 30min, -1h));
}

TEST_CASE("one of several is enough, and none is never", "[hours]") {
    const std::vector<Hours> hours = {{kAll, 1h, 2h}, {kAll, 5h, 6h}};
    CHECK(within(hours, kMonday + 1h, {}));
    CHECK_FALSE(within(hours, kMonday + 3h, {}));
    CHECK(within(hours, kMonday + 5h, {}));
    CHECK_FALSE(within({}, kMonday, {}));
}

TEST_CASE("a time before 1970 is one of day too", "[hours]") {
    const Hours morning{kAll, 8h, 10h};
    CHECK(within_utc(morning, Time{Duration{-15h}}));
    CHECK_FALSE(within_utc(morning, Time{Duration{-13h}}));
}
