// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/gpu_pairs.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace weir {

std::vector<std::string> nearness_rows(const Machine& machine) {
    const std::size_t count = machine.gpus.size();
    std::vector<std::size_t> by_number(count, count);
    for (std::size_t gpu = 0; gpu < count; ++gpu) {
        const auto number = machine.gpus[gpu].minor;
        if (!number || *number < 0 || static_cast<std::size_t>(*number) >= count) return {};
        by_number[static_cast<std::size_t>(*number)] = gpu;
    }
    if (std::ranges::find(by_number, count) != by_number.end()) return {};
    std::vector<std::string> rows(count);
    for (std::size_t a = 0; a < count; ++a)
        for (std::size_t b = 0; b < count; ++b)
            rows[a] +=
                static_cast<char>('0' + static_cast<int>(nearness(machine, by_number[a], by_number[b])));
    return rows;
}

GpuPairs::GpuPairs(std::string digits) {
    std::size_t gpus = 1;
    while (gpus * (gpus - 1) / 2 < digits.size()) ++gpus;
    const bool whole = !digits.empty() && gpus * (gpus - 1) / 2 == digits.size();
    const char most = static_cast<char>('0' + static_cast<int>(Nearness::kSame));
    if (!whole || !std::ranges::all_of(digits, [&](char digit) { return digit >= '0' && digit <= most; }))
        return;
    digits_ = std::move(digits);
    gpus_ = gpus;
}

GpuPairs GpuPairs::from_rows(const std::vector<std::string>& rows) {
    std::string digits;
    for (std::size_t gpu = 0; gpu < rows.size(); ++gpu) {
        if (rows[gpu].size() != rows.size()) return {};
        digits += rows[gpu].substr(gpu + 1);
    }
    return GpuPairs(std::move(digits));
}

Nearness GpuPairs::pair(std::size_t a, std::size_t b) const {
    if (a > b) std::swap(a, b);
    const std::size_t before = a * (2 * gpus_ - a - 1) / 2;
    return static_cast<Nearness>(digits_[before + b - a - 1] - '0');
}

std::optional<Nearness> GpuPairs::worst(std::span<const std::size_t> gpus) const {
    Nearness worst = Nearness::kSame;
    for (std::size_t i = 0; i < gpus.size(); ++i) {
        if (gpus[i] >= gpus_) return std::nullopt;
        for (std::size_t k = i + 1; k < gpus.size(); ++k)
            if (gpus[k] < gpus_) worst = std::min(worst, pair(gpus[i], gpus[k]));
    }
    return worst;
}

std::optional<Nearness> GpuPairs::best(std::span<const std::size_t> gpus, std::size_t count) const {
    if (gpus.size() < count || std::ranges::any_of(gpus, [&](std::size_t gpu) { return gpu >= gpus_; }))
        return std::nullopt;
    if (count <= 1) return Nearness::kSame;
    Nearness best = Nearness::kSystem;
    for (const std::size_t first : gpus) {
        std::vector<std::size_t> rest(gpus.begin(), gpus.end());
        std::erase(rest, first);
        std::ranges::stable_sort(rest, std::greater{}, [&](std::size_t gpu) { return pair(first, gpu); });
        std::vector<std::size_t> chosen{first};
        // Greedily: the one that leaves the set as near as it can be.
        while (chosen.size() < count) {
            const auto next = std::ranges::max_element(rest, {}, [&](std::size_t gpu) {
                Nearness near = Nearness::kSame;
                for (const std::size_t other : chosen) near = std::min(near, pair(other, gpu));
                return near;
            });
            chosen.push_back(*next);
            rest.erase(next);
        }
        best = std::max(best, *worst(chosen));
    }
    return best;
}

}  // namespace weir
