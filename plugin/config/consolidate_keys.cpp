// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/consolidate_keys.h"

#include "plugin/config/common_keys.h"
#include "plugin/config/hours.h"
#include "policies/model/gpu_set.h"

namespace weir::config {
namespace {

using policies::ConsolidateRule;

constexpr double kMostGain = 1000;
constexpr int kMostMoves = 64;
constexpr int kMostAnHour = 3600;

void read_for(const Value& value, ConsolidateRule& into) {
    into.for_demand = false;
    into.for_fit = false;
    value.list("a list of demand and fit", [&](const Value& entry) {
        const auto what = entry.one_of<bool ConsolidateRule::*>(
            {{"demand", &ConsolidateRule::for_demand}, {"fit", &ConsolidateRule::for_fit}});
        if (what) into.*(*what) = true;
    });
}

void read_hours_list(const Value& value, std::vector<Hours>& into) {
    value.list("a list of times of day (as in [20:00-06:00])", [&](const Value& entry) {
        if (const auto hours = entry.as("a time of day", read_hours)) into.push_back(*hours);
    });
    if (value.is_list() && into.empty()) value.problem("names no time of day");
}

void read_exemptions(const Value& value, ConsolidateRule& into) {
    value.keys(
        {{"partitions",
          [&](const Value& v) {
              read_names(v, "a list of partitions", read_partition, into.exempt_partitions);
          }},
         {"accounts",
          [&](const Value& v) { read_names(v, "a list of accounts", read_account, into.exempt_accounts); }},
         {"users",
          [&](const Value& v) { read_names(v, "a list of users", read_account, into.exempt_users); }}});
}

}  // namespace

ConsolidateRule read_consolidate_rule(const Value& value) {
    ConsolidateRule rule;
    value.keys({
        {"mode", [&](const Value& v) { rule.mode = read_mode(v); }},
        {"for", [&](const Value& v) { read_for(v, rule); }},
        {"tidy", [&](const Value& v) { read_hours_list(v, rule.tidy); }},
        {"hours", [&](const Value& v) { read_hours_list(v, rule.hours); }},
        {"after", [&](const Value& v) { read_seconds(v, rule.after); }},
        {"min_gain",
         [&](const Value& v) {
             keep(v.as("a number",
                       [](std::string_view text) {
                           return read_above_zero(text, kMostGain, "a ratio of gain to price (as in 3)");
                       }),
                  rule.min_gain);
         }},
        {"at_once", [&](const Value& v) { read_number_within(v, 1, kMostMoves, rule.at_once); }},
        {"per_hour", [&](const Value& v) { read_number_within(v, 1, kMostAnHour, rule.per_hour); }},
        {"most_moves", [&](const Value& v) { read_number_within(v, 1, kMostMoves, rule.most_moves); }},
        {"max_gpus", [&](const Value& v) { rule.max_gpus = v.count(); }},
        {"cooldown", [&](const Value& v) { read_seconds(v, rule.cooldown); }},
        {"min_run", [&](const Value& v) { read_seconds(v, rule.min_run); }},
        {"start", [&](const Value& v) { read_seconds(v, rule.start); }},
        {"max_worse",
         [&](const Value& v) {
             read_number_within(v, 0, static_cast<int>(Nearness::kSame), rule.max_worse);
         }},
        {"exempt", [&](const Value& v) { read_exemptions(v, rule); }},
    });
    return rule;
}

}  // namespace weir::config
