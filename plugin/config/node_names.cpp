// SPDX-License-Identifier: GPL-2.0-or-later
// "west-[1-3,07-12],east-1" as Slurm writes lists of nodes.
#include <algorithm>
#include <optional>

#include "plugin/config/values.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

constexpr std::size_t kMostNodes = 10'000;
constexpr std::size_t kMostNumberDigits = 9;

using Names = std::vector<std::string>;

std::optional<int> node_number(std::string_view digits) {
    if (digits.empty() || digits.size() > kMostNumberDigits) return std::nullopt;
    int number = 0;
    for (const char digit : digits) {
        if (digit < '0' || digit > '9') return std::nullopt;
        number = number * 10 + (digit - '0');
    }
    return number;
}

// "1-3", "07": the numbers, as wide as the first is written.
std::optional<Names> range(std::string_view text) {
    const std::size_t dash = std::min(text.find('-'), text.size());
    const std::string_view first = text.substr(0, dash);
    const auto from = node_number(first);
    const auto to = dash == text.size() ? from : node_number(text.substr(dash + 1));
    if (!from || !to || *to < *from || static_cast<std::size_t>(*to - *from) >= kMostNodes)
        return std::nullopt;
    Names numbers;
    numbers.reserve(static_cast<std::size_t>(*to - *from) + 1);
    for (int number = *from; number <= *to; ++number) {
        const std::string digits = std::to_string(number);
        numbers.push_back(std::string(first.size() - std::min(first.size(), digits.size()), '0') + digits);
    }
    return numbers;
}

// "1-3,7"
std::optional<Names> ranges(std::string_view text) {
    Names numbers;
    for (;;) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const auto part = range(text.substr(0, comma));
        if (!part || numbers.size() + part->size() > kMostNodes) return std::nullopt;
        numbers.insert(numbers.end(), part->begin(), part->end());
        if (comma == text.size()) return numbers;
        text.remove_prefix(comma + 1);
    }
}

bool is_part_of_name(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.';
    });
}

// One entry of the list, with any number of brackets.
std::optional<Names> expanded(std::string_view entry) {
    Names names{""};
    while (!entry.empty()) {
        const std::size_t open = std::min(entry.find('['), entry.size());
        const std::string_view plain = entry.substr(0, open);
        if (!is_part_of_name(plain)) return std::nullopt;
        for (std::string& name : names) name += plain;
        entry.remove_prefix(open);
        if (entry.empty()) break;
        const std::size_t close = entry.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        const auto numbers = ranges(entry.substr(1, close - 1));
        if (!numbers || names.size() * numbers->size() > kMostNodes) return std::nullopt;
        Names longer;
        longer.reserve(names.size() * numbers->size());
        for (const std::string& name : names)
            for (const std::string& number : *numbers) longer.push_back(name + number);
        names = std::move(longer);
        entry.remove_prefix(close + 1);
    }
    if (names.front().empty() || names.front().front() == '-') return std::nullopt;
    return names;
}

// Where the first entry of the list ends: at a comma outside brackets.
std::size_t entry_size(std::string_view list) {
    bool inside = false;
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i] == '[') inside = true;
        if (list[i] == ']') inside = false;
        if (list[i] == ',' && !inside) return i;
    }
    return list.size();
}

}  // namespace

Read<std::vector<std::string>> read_nodes(std::string_view text) {
    const auto fault = [&](const std::string& what) { return tl::unexpected(in_quotes(text) + " " + what); };
    Names names;
    std::string_view rest = text;
    for (;;) {
        const std::size_t size = entry_size(rest);
        const auto part = expanded(rest.substr(0, size));
        if (!part) return fault("is not a list of nodes (as in \"west-[1-8]\")");
        if (names.size() + part->size() > kMostNodes)
            return fault("names more than " + std::to_string(kMostNodes) + " nodes");
        names.insert(names.end(), part->begin(), part->end());
        if (size == rest.size()) break;
        rest.remove_prefix(size + 1);
    }
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
        return fault("names " + *twice + " twice");
    return names;
}

}  // namespace weir::config
