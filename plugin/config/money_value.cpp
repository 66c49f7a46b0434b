// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "plugin/config/values.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

constexpr std::size_t kMostMoneyDecimals = 6;
constexpr std::int64_t kMostUnits = 1'000'000'000;

bool all_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Read<Money> read_money(std::string_view text) {
    const auto fault = [&](const std::string& what) { return tl::unexpected(in_quotes(text) + " " + what); };
    if (text.size() > 1 && text[0] == '-' && all_digits(text.substr(1, 1))) return fault("is negative");
    const std::size_t point = std::min(text.find('.'), text.size());
    const std::string_view whole = text.substr(0, point);
    std::string decimals(text.substr(std::min(point + 1, text.size())));
    if (!all_digits(whole) || (point < text.size() && !all_digits(decimals)))
        return fault("is not an amount of money (as in 0.60 or 12, without its currency)");
    if (decimals.size() > kMostMoneyDecimals)
        return fault("is finer than a millionth (at most six decimals)");
    std::int64_t units = 0;
    for (const char digit : whole) {
        units = units * 10 + (digit - '0');
        if (units > kMostUnits) return fault("is too large (at most " + std::to_string(kMostUnits) + ")");
    }
    decimals.resize(kMostMoneyDecimals, '0');
    std::int64_t micros = 0;
    for (const char digit : decimals) micros = micros * 10 + (digit - '0');
    return Money{units * kMicrosPerUnit + micros};
}

}  // namespace weir::config
