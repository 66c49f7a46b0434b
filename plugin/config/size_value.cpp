// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "plugin/config/values.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 4> kUnits{
    {{"kB", 1'000}, {"MB", 1'000'000}, {"GB", 1'000'000'000}, {"TB", 1'000'000'000'000}}};
constexpr std::int64_t kMost = 1'000'000'000'000'000;

}  // namespace

Read<Bytes> read_size(std::string_view text) {
    const auto fault = [&](const std::string& what) { return tl::unexpected(in_quotes(text) + " " + what); };
    const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    const std::string_view digits = text.substr(0, end);
    const std::string_view name = text.substr(end);
    if (digits.empty()) return fault("is not a size (as in 500MB or 20GB)");
    if (name.starts_with('.') || name.starts_with(','))
        return fault("has a fraction (write whole numbers, as in 1500MB)");
    std::int64_t number = 0;
    for (const char digit : digits) number = std::min(number * 10 + (digit - '0'), kMost + 1);
    if (number == 0 && name.empty()) return Bytes{};
    if (name.empty()) return fault("has no unit (try " + std::string(text) + "GB)");
    const auto* const unit = std::ranges::find(kUnits, name, [](const auto& one) { return one.first; });
    if (unit == kUnits.end())
        return fault("has the unknown unit " + in_quotes(name) + " (known: kB, MB, GB, TB)");
    if (number > kMost / unit->second) return fault("is too large (at most 1000TB)");
    return Bytes{number * unit->second};
}

}  // namespace weir::config
