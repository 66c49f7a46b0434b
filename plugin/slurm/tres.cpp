// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/slurm/tres.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>
#include <optional>
#include <span>

namespace weir::slurm {
namespace {

std::optional<int> number(std::string_view text) {
    long value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value < 0) return std::nullopt;
    const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
    value = std::min<long>(value, std::numeric_limits<int>::max());
    if (suffix == "K" || suffix == "k") {
        value *= 1024;
    } else if (suffix == "M" || suffix == "m") {
        value *= 1024L * 1024L;
    } else if (!suffix.empty()) {
        return std::nullopt;
    }
    return static_cast<int>(std::min<long>(value, std::numeric_limits<int>::max()));
}

// Cuts the text at separators that stand outside parentheses.
std::vector<std::string_view> split_top_level(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    int depth = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= text.size(); ++i) {
        const bool at_end = i == text.size();
        if (!at_end && text[i] == '(') ++depth;
        if (!at_end && text[i] == ')') --depth;
        if (at_end || (depth == 0 && text[i] == separator)) {
            if (i > begin) parts.push_back(text.substr(begin, i - begin));
            begin = i + 1;
        }
    }
    return parts;
}

std::vector<std::string_view> split_any(std::string_view text, std::string_view separators) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const auto cut = std::min(text.find_first_of(separators), text.size());
        if (cut > 0) parts.push_back(text.substr(0, cut));
        text.remove_prefix(std::min(cut + 1, text.size()));
    }
    return parts;
}

// "4000M", "1.50G": Slurm's way of writing memory; without a unit, MiB.
std::int64_t mebibytes(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || !(value >= 0) || value > 1e12) return 0;
    const auto unit = end == text.data() + text.size() ? 'M' : *end;
    constexpr std::string_view kUnits = "KMGTP";
    const auto power = kUnits.find(unit);
    if (power == std::string_view::npos) return 0;
    for (std::size_t i = 1; i < power; ++i) value *= 1024;
    return static_cast<std::int64_t>(power == 0 ? value / 1024 : value);
}

void add(std::vector<GpuPool>& pools, std::string_view type, int count) {
    auto place = std::ranges::lower_bound(pools, type, {}, &GpuPool::type);
    if (place == pools.end() || place->type != type)
        place = pools.insert(place, GpuPool{std::string(type), 0, 0});
    place->total =
        static_cast<int>(std::min<long>(long{place->total} + count, std::numeric_limits<int>::max()));
}

}  // namespace

GpuCounts parse_gres(std::string_view text) {
    GpuCounts counts;
    for (std::string_view entry : split_top_level(text, ',')) {
        entry = entry.substr(0, entry.find('('));
        auto words = split_any(entry, ":/=");
        if (!words.empty() && words.front() == "gres") words.erase(words.begin());
        if (words.empty() || words.front() == "(null)") continue;
        if (words.front() != "gpu") {
            counts.other_gres = true;
            continue;
        }
        std::string_view type;
        int count = 1;
        for (std::string_view word : std::span(words).subspan(1)) {
            if (word == "no_consume") continue;
            if (const auto value = number(word)) {
                count = *value;
            } else {
                type = word;
            }
        }
        if (count > 0) add(counts.pools, type, count);
    }
    return counts;
}

std::vector<GpuIndices> parse_gpu_indices(std::string_view text) {
    constexpr std::string_view kIndex = "(IDX:";
    constexpr int kMost = 4096;
    std::vector<GpuIndices> found;
    for (std::string_view entry : split_top_level(text, ',')) {
        const auto begin = entry.find(kIndex);
        const auto pools = parse_gres(entry.substr(0, begin)).pools;
        if (begin == std::string_view::npos || pools.size() != 1) continue;
        GpuIndices gpus{pools.front().type, {}};
        const auto list = entry.substr(begin + kIndex.size());
        for (std::string_view range : split_any(list.substr(0, list.find(')')), ",")) {
            const auto ends = split_any(range, "-");
            const auto first = number(ends.front());
            const auto last = ends.size() > 1 ? number(ends[1]) : first;
            if (!first || !last || *last >= kMost) continue;
            for (int index = *first; index <= *last; ++index) gpus.indices.push_back(index);
        }
        std::ranges::sort(gpus.indices);
        found.push_back(std::move(gpus));
    }
    return found;
}

Allocation parse_allocation(std::string_view text) {
    Allocation held;
    int untyped = 0;
    std::vector<GpuPool> typed;
    for (const std::string_view entry : split_top_level(text, ',')) {
        const auto equals = std::min(entry.find('='), entry.size());
        const std::string_view name = entry.substr(0, equals);
        const std::string_view value = entry.substr(std::min(equals + 1, entry.size()));
        if (name == "cpu")
            held.cpus = number(value).value_or(0);
        else if (name == "mem")
            held.memory = mebibytes(value);
        else if (name == "gres/gpu")
            untyped = std::max(untyped, number(value).value_or(0));
        else if (name.starts_with("gres/gpu:"))
            add(typed, name.substr(name.find(':') + 1), number(value).value_or(0));
    }
    held.gpus = std::max(untyped, total_gpus(typed));
    if (typed.size() == 1 && held.gpus > 0 && typed.front().total == held.gpus)
        held.gpu_type = typed.front().type;
    return held;
}

int total_gpus(const std::vector<GpuPool>& pools) {
    const long sum = std::accumulate(pools.begin(), pools.end(), 0L,
                                     [](long total, const GpuPool& pool) { return total + pool.total; });
    return static_cast<int>(std::min<long>(sum, std::numeric_limits<int>::max()));
}

int count_array_tasks(std::string_view text) {
    text = text.substr(0, text.find('%'));
    if (!text.empty() && text.front() == '[') text.remove_prefix(1);
    if (!text.empty() && text.back() == ']') text.remove_suffix(1);
    long count = 0;
    for (std::string_view range : split_top_level(text, ',')) {
        const auto words = split_any(range, "-:");
        if (words.empty() || words.size() > 3) return 0;
        const auto first = number(words.front());
        const auto last = words.size() > 1 ? number(words[1]) : first;
        const auto step = words.size() > 2 ? number(words[2]) : std::optional(1);
        if (!first || !last || !step || *step == 0 || *last < *first) return 0;
        count += (*last - *first) / *step + 1L;
    }
    return static_cast<int>(std::min<long>(count, std::numeric_limits<int>::max()));
}

}  // namespace weir::slurm
