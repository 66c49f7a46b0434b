// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/xml/attributes.h"

#include <algorithm>
#include <charconv>

namespace weir::topology {

std::string printable(std::string text) {
    std::ranges::replace_if(
        text, [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
    return text;
}

std::optional<std::int64_t> whole_number(std::string_view text, int base) {
    const auto first = text.find_first_not_of(" \t\n\r");
    if (first == std::string_view::npos) return std::nullopt;
    text = text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1);
    if (base == 16 && text.starts_with("0x")) text.remove_prefix(2);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<std::vector<int>> bits(std::string_view text) {
    std::vector<std::uint32_t> words;  // the highest first
    while (true) {
        const auto comma = text.find(',');
        const std::string_view word = text.substr(0, comma);
        const auto number = word.empty() ? 0 : whole_number(word, 16);
        if (!number || *number < 0 || *number > 0xffffffff) return std::nullopt;
        words.push_back(static_cast<std::uint32_t>(*number));
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    std::vector<int> set;
    for (std::size_t word = 0; word < words.size(); ++word)
        for (int bit = 0; bit < 32; ++bit)
            if ((words[words.size() - 1 - word] >> bit & 1) != 0)
                set.push_back(static_cast<int>(word) * 32 + bit);
    return set;
}

}  // namespace weir::topology
