// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/rest/token.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

namespace weir::rest {
namespace {

// base64url without padding; absent if it is none.
std::optional<std::string> decoded(std::string_view text) {
    constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::string bytes;
    std::uint32_t held = 0;
    int bits = 0;
    for (const char c : text) {
        const auto digit = kDigits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        held = ((held << 6) | static_cast<std::uint32_t>(digit)) & 0xFFFFFF;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        bytes += static_cast<char>((held >> bits) & 0xFF);
    }
    return bytes;
}

}  // namespace

std::optional<Time> good_until(const std::string& token) {
    constexpr std::int64_t kLatestClaim = std::int64_t{1} << 36;
    const auto begin = token.find('.');
    if (begin == std::string::npos) return std::nullopt;
    const auto end = token.find('.', begin + 1);
    if (end == std::string::npos) return std::nullopt;
    const auto claims = decoded(std::string_view(token).substr(begin + 1, end - begin - 1));
    if (!claims) return std::nullopt;
    const auto document = nlohmann::json::parse(*claims, nullptr, false);
    if (!document.is_object()) return std::nullopt;
    const auto until = document.find("exp");
    if (until == document.end() || !until->is_number_integer()) return std::nullopt;
    const auto seconds = until->get<std::int64_t>();
    if (seconds < 0 || seconds > kLatestClaim) return std::nullopt;
    return Time(Duration(seconds));
}

}  // namespace weir::rest
