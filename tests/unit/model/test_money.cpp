// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/money.h"

#include <catch2/catch.hpp>
#include <limits>

#include "plugin/config/values.h"

using namespace weir;

TEST_CASE("the cost of work is rounded up to a millionth", "[money]") {
    CHECK(cost(GpuSeconds{3600}, Money{600'000}) == Money{600'000});
    CHECK(cost(GpuSeconds{8LL * 3600 * 24}, Money{600'000}) == Money{115'200'000});
    CHECK(cost(GpuSeconds{1}, Money{1}) == Money{1});
    CHECK(cost(GpuSeconds{3601}, Money{1}) == Money{2});
    CHECK(cost(GpuSeconds{1800}, Money{7201}) == Money{3601});
    CHECK(cost(GpuSeconds{}, Money{600'000}) == Money{});
    CHECK(cost(GpuSeconds{3600}, Money{}) == Money{});
    CHECK(cost(GpuSeconds{-3600}, Money{600'000}) == Money{});
}

TEST_CASE("the cost of bytes goes by 10^9 of them, rounded up", "[money]") {
    CHECK(cost(Bytes{1'000'000'000}, Money{20'000}) == Money{20'000});
    CHECK(cost(Bytes{2'500'000'000}, Money{20'000}) == Money{50'000});
    CHECK(cost(Bytes{1}, Money{20'000}) == Money{1});
    CHECK(cost(Bytes{}, Money{20'000}) == Money{});
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    CHECK(cost(Bytes{kMost}, Money{kMost}) == Money{kMost});
    CHECK(cost(Bytes{999'999'999}, Money{kMost}).value < kMost);
}

TEST_CASE("a cost beyond every amount is the largest amount", "[money]") {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    CHECK(cost(GpuSeconds{kMost}, Money{kMost}) == Money{kMost});
    CHECK(cost(GpuSeconds{kMost}, Money{3600}) == Money{kMost});
    CHECK(cost(GpuSeconds{3600}, Money{kMost}) == Money{kMost});
    CHECK(cost(GpuSeconds{3601}, Money{kMost}) == Money{kMost});
    CHECK(cost(GpuSeconds{3599}, Money{kMost}).value > kMost / 3600 * 3598);
}

TEST_CASE("money is written with two decimals, and more where it needs them", "[money]") {
    CHECK(to_text(Money{}) == "0.00");
    CHECK(to_text(Money{12'500'000}) == "12.50");
    CHECK(to_text(Money{300}) == "0.0003");
    CHECK(to_text(Money{1'000'001}) == "1.000001");
    CHECK(to_text(Money{-1'500'000}) == "-1.50");
    CHECK(to_text(Money{std::numeric_limits<std::int64_t>::min()}) == "-9223372036854.775808");
}

TEST_CASE("an amount of money reads as it is written", "[money]") {
    for (const std::int64_t micros : {std::int64_t{0}, std::int64_t{1}, std::int64_t{600'000},
                                      std::int64_t{12'000'000}, std::int64_t{999'999'999'999'999}}) {
        CAPTURE(micros);
        CHECK(config::read_money(to_text(Money{micros})) == Money{micros});
    }
    CHECK(config::read_money("12") == Money{12'000'000});
    CHECK(config::read_money("0.6") == Money{600'000});
    for (const char* bad :
         {"", ".", "1.", ".5", "1,5", "1e3", "+1", "-1", " 1", "0x1", "1.0000001", "9999999999"}) {
        CAPTURE(bad);
        CHECK_FALSE(config::read_money(bad));
    }
}
