// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/words.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace weir::config {
namespace {

constexpr std::size_t kMaxQuotedBytes = 60;
constexpr std::size_t kMaxWordBytes = 40;

constexpr bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// How many bytes the character at the front takes; 0 when it is not well-formed (RFC 3629).
std::size_t character_bytes(std::string_view text) {
    auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (byte(0) < 0x80) return 1;
    const std::size_t size = byte(0) < 0xC2   ? 0
                             : byte(0) < 0xE0 ? 2
                             : byte(0) < 0xF0 ? 3
                             : byte(0) < 0xF5 ? 4
                                              : 0;
    if (size == 0 || size > text.size()) return 0;
    for (std::size_t i = 1; i < size; ++i) {
        if (!is_continuation(text[i])) return 0;
    }
    const bool overlong = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90);
    const bool no_character = (byte(0) == 0xED && byte(1) > 0x9F) || (byte(0) == 0xF4 && byte(1) > 0x8F);
    return overlong || no_character ? 0 : size;
}

std::string escaped(char c) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    return {'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
}

// Changes of one letter (or swaps of two neighbours) from one word to the other.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        before.swap(above);
        above.swap(row);
    }
    return above[b.size()];
}

}  // namespace

std::size_t utf8_prefix(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t size = character_bytes(text.substr(at));
        if (size == 0) break;
        at += size;
    }
    return at;
}

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    while (!text.empty() && out.size() < kMaxQuotedBytes) {
        const std::size_t size = character_bytes(text);
        const auto first = static_cast<unsigned char>(text[0]);
        if (size == 0 || first < 0x20 || first == 0x7F) {
            out += escaped(text[0]);
        } else {
            out += text.substr(0, size);
        }
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return out + (text.empty() ? "\"" : "...\"");
}

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known) {
    if (word.empty() || word.size() > kMaxWordBytes) return {};
    std::string lower(word);
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '-' ? '_' : c;
    std::string_view best;
    std::size_t best_distance = lower.size() <= 3 ? 1 : lower.size() <= 6 ? 2 : 3;
    ++best_distance;
    for (std::string_view candidate : known) {
        const std::size_t found = distance(lower, candidate);
        if (found >= best_distance || found >= candidate.size()) continue;
        best = candidate;
        best_distance = found;
    }
    return best;
}

std::string joined(const std::vector<std::string_view>& words) {
    std::string text;
    for (std::string_view word : words) text += (text.empty() ? "" : ", ") + std::string(word);
    return text;
}

std::string key_path(const std::string& path, std::string_view key) {
    const bool plain =
        !key.empty() && key.size() <= kMaxWordBytes && std::all_of(key.begin(), key.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                   c == '-';
        });
    return path + (path.empty() ? "" : ".") + (plain ? std::string(key) : in_quotes(key));
}

std::string entry_path(const std::string& path, std::size_t index) {
    return path + "[" + std::to_string(index) + "]";
}

}  // namespace weir::config
