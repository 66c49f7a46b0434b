// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/money.h"

#include <limits>

namespace weir {
namespace {

constexpr std::int64_t kSecondsAnHour = 3600;
constexpr std::int64_t kBytesAGigabyte = 1'000'000'000;
constexpr std::size_t kMostDecimals = 6;
constexpr std::size_t kFewestDecimals = 2;

// `amount` times the price of `unit` of it. In whole units and what is left over, so that no product is
// larger than its result needs.
Money priced(std::int64_t amount, std::int64_t unit, Money price) {
    if (amount <= 0 || price.value <= 0) return {};
    constexpr Money kMost{std::numeric_limits<std::int64_t>::max()};
    const std::int64_t left = amount % unit;
    const std::int64_t each = price.value / unit;
    const std::int64_t rest = price.value % unit;
    Money sum;
    if (__builtin_mul_overflow(amount / unit, price.value, &sum.value)) return kMost;
    const std::int64_t part = left * each + (left * rest + unit - 1) / unit;
    if (__builtin_add_overflow(sum.value, part, &sum.value)) return kMost;
    return sum;
}

}  // namespace

Money cost(GpuSeconds work, Money gpu_hour) {
    return priced(work.value, kSecondsAnHour, gpu_hour);
}

Money cost(Bytes bytes, Money gigabyte) {
    return priced(bytes.value, kBytesAGigabyte, gigabyte);
}

Money plus(Money a, Money b) {
    Money sum;
    if (__builtin_add_overflow(a.value, b.value, &sum.value))
        sum.value = std::numeric_limits<std::int64_t>::max();
    return sum;
}

std::string to_text(Money money) {
    const bool negative = money.value < 0;
    const std::uint64_t micros =
        negative ? 0 - static_cast<std::uint64_t>(money.value) : static_cast<std::uint64_t>(money.value);
    constexpr auto kUnit = static_cast<std::uint64_t>(kMicrosPerUnit);
    std::string decimals = std::to_string(micros % kUnit);
    decimals.insert(0, kMostDecimals - decimals.size(), '0');
    while (decimals.size() > kFewestDecimals && decimals.back() == '0') decimals.pop_back();
    return (negative ? "-" : "") + std::to_string(micros / kUnit) + "." + decimals;
}

}  // namespace weir
