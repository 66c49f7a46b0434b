// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/fragmentation/report.h"

#include <fmt/core.h>

#include <array>
#include <optional>
#include <string_view>

namespace weir::bench {
namespace {

// Means of ten runs at 130 % load that FGD's authors published (hkust-adsl/kubernetes-scheduler-simulator,
// experiments/analysis/expected_results, @8f3d6417).
struct Published {
    std::string_view list, placement;
    double allocated_pct, fragmented_pct;
};
constexpr std::array kPublished{
    Published{"cpu100", "bestfit", 93.44, 6.50},     Published{"cpu100", "fgd", 95.35, 4.61},
    Published{"default", "bestfit", 93.08, 6.85},    Published{"default", "fgd", 95.39, 4.57},
    Published{"gpushare40", "bestfit", 91.69, 8.28}, Published{"gpushare40", "fgd", 94.15, 5.80},
    Published{"multigpu30", "bestfit", 94.72, 5.18}, Published{"multigpu30", "fgd", 96.46, 3.48}};

std::optional<Published> published(const Result& result) {
    if (result.arm.movable != 0) return std::nullopt;
    for (const Published& one : kPublished)
        if (one.list == result.list && one.placement == result.arm.placement) return one;
    return std::nullopt;
}

}  // namespace

double Result::mean(double Outcome::*value) const {
    double sum = 0;
    for (const Outcome& outcome : outcomes) sum += outcome.*value;
    return sum / static_cast<double>(outcomes.size());
}

double Result::moves_per_1000() const {
    double sum = 0;
    for (const Outcome& outcome : outcomes) sum += outcome.moves_per_1000();
    return sum / static_cast<double>(outcomes.size());
}

void print_heading() {
    fmt::print("{:<12}{:<10}{:>9}{:>12}{:>11}{:>13}{:>13}\n", "list", "placement", "movable %", "allocated %",
               "published", "fragmented %", "moves/1000");
}

void print(const Result& result) {
    const auto known = published(result);
    fmt::print("{:<12}{:<10}{:>9}{:>12.2f}{:>11}{:>13.2f}{:>13.1f}\n", result.list, result.arm.placement,
               result.arm.movable, result.mean(&Outcome::allocated_pct),
               known ? fmt::format("{:.2f}", known->allocated_pct) : "",
               result.mean(&Outcome::fragmented_pct), result.moves_per_1000());
    std::fflush(stdout);
}

nlohmann::json json_of(const std::vector<Result>& results, const Rules& rules) {
    nlohmann::json document{{"benchmark", "B4"},
                            {"rules",
                             {{"per_move", rules.per_move},
                              {"worth", rules.worth},
                              {"least", rules.least},
                              {"moves", rules.moves},
                              {"chain", rules.chain},
                              {"steps", rules.steps},
                              {"per_thousand", rules.per_thousand}}},
                            {"lists", nlohmann::json::array()}};
    for (const Result& result : results) {
        nlohmann::json entry{{"list", result.list},
                             {"placement", result.arm.placement},
                             {"movable", result.arm.movable},
                             {"allocated_pct", result.mean(&Outcome::allocated_pct)},
                             {"fragmented_pct", result.mean(&Outcome::fragmented_pct)},
                             {"moves_per_1000", result.moves_per_1000()}};
        if (const auto known = published(result)) {
            entry["published_allocated_pct"] = known->allocated_pct;
            entry["published_fragmented_pct"] = known->fragmented_pct;
        }
        for (const Outcome& outcome : result.outcomes)
            entry["seeds"].push_back({{"seed", outcome.seed},
                                      {"allocated_pct", outcome.allocated_pct},
                                      {"fragmented_pct", outcome.fragmented_pct},
                                      {"moves_per_1000", outcome.moves_per_1000()},
                                      {"arrived", outcome.arrived},
                                      {"placed", outcome.placed},
                                      {"moves", outcome.moves}});
        document["lists"].push_back(std::move(entry));
    }
    return document;
}

}  // namespace weir::bench
