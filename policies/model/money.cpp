// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/money.h"

#include <limits>

namespace weir {
namespace {

constexpr std::int64_t kSecondsAnHour = 3600;
constexpr std::size_t kMostDecimals = 6;
constexpr std::size_t kFewestDecimals = 2;

}  // namespace

Money cost(GpuSeconds work, Money gpu_hour) {
    if (work.value <= 0 || gpu_hour.value <= 0) return {};
    constexpr Money kMost{std::numeric_limits<std::int64_t>::max()};
    // Hours and the seconds left over, so that no product is larger than its result needs.
    const std::int64_t hours = work.value / kSecondsAnHour;
    const std::int64_t seconds = work.value % kSecondsAnHour;
    const std::int64_t units = gpu_hour.value / kSecondsAnHour;
    const std::int64_t rest = gpu_hour.value % kSecondsAnHour;
    Money sum;
    if (__builtin_mul_overflow(hours, gpu_hour.value, &sum.value)) return kMost;
    const std::int64_t part = seconds * units + (seconds * rest + kSecondsAnHour - 1) / kSecondsAnHour;
    if (__builtin_add_overflow(sum.value, part, &sum.value)) return kMost;
    return sum;
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
