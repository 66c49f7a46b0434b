// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/overflow_keys.h"

#include <charconv>
#include <utility>

#include "plugin/config/common_keys.h"
#include "plugin/config/terms_keys.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

using policies::OverflowRule;

enum class ByDefault { kNever, kAllow, kPrefer, kForbidden };

void read_default(const Value& value, OverflowRule& into) {
    const auto word = value.one_of<ByDefault>({{"never", ByDefault::kNever},
                                               {"allow", ByDefault::kAllow},
                                               {"prefer", ByDefault::kPrefer},
                                               {"forbidden", ByDefault::kForbidden}});
    if (!word) return;
    into.forbidden = *word == ByDefault::kForbidden;
    into.otherwise = *word == ByDefault::kAllow    ? OverflowWish::kAllow
                     : *word == ByDefault::kPrefer ? OverflowWish::kPrefer
                                                   : OverflowWish::kNever;
}

Read<double> read_share(std::string_view text) {
    double share = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), share, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size() || !(share >= 0) || share >= 1)
        return tl::unexpected(in_quotes(text) + " is not a share (from 0 to below 1, as in 0.2)");
    return share;
}

void read_limit(const Value& value, std::optional<Money>& into) {
    into = value.as("an amount of money", read_money);
}

void read_budget(const Value& value, OverflowRule& into) {
    value.keys({{"per_day", [&](const Value& v) { read_limit(v, into.per_day); }},
                {"per_month", [&](const Value& v) { read_limit(v, into.per_month); }}});
    if (value.is_map() && into.per_day && into.per_month && *into.per_day > *into.per_month)
        value.problem("has per_day, " + weir::to_text(*into.per_day) + ", above per_month, " +
                      weir::to_text(*into.per_month));
    if (value.is_null()) value.problem("has no value: give per_day or per_month");
}

void read_partitions_of_rule(const Value& value, OverflowRule& into) {
    read_names(value, "a list of partitions", read_partition, into.partitions);
    if (value.is_list() && into.partitions.empty()) value.problem("is empty: name a partition");
}

std::string joined_by_plus(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : "+") + name;
    return text;
}

}  // namespace

std::string read_home(const Value& value, policies::Terms& into) {
    TermsReader terms;
    terms.terms.gpu_hour.other = Money{};  // home can be used whatever the file says of it
    value.keys({{"price",
                 [&](const Value& v) {
                     terms.read_price(v);
                     if (v.is_map() && v.has("egress_gb"))
                         v.problem("has egress_gb, but nothing leaves home");
                 }},
                {"power", [&](const Value& v) { terms.read_power(v); }}});
    if (terms.says_included && !terms.terms.power_included && !terms.says_power)
        value.problem("has a price without power, and no power: that says what power costs");
    into = terms.done();
    return terms.currency;
}

OverflowRule read_overflow_rule(const Value& value) {
    OverflowRule rule;
    value.keys({
        {"name", [&](const Value& v) { keep(v.as("a name", read_rule_name), rule.name); }},
        {"mode", [&](const Value& v) { rule.mode = read_mode(v); }},
        {"partitions", [&](const Value& v) { read_partitions_of_rule(v, rule); }},
        {"default", [&](const Value& v) { read_default(v, rule); }},
        {"value_of_time",
         [&](const Value& v) { keep(v.as("an amount of money", read_money), rule.value_of_time); }},
        {"budget",
         [&](const Value& v) {
             read_budget(v, rule);
             // The usual name changes with the partitions, and nothing would be spent under the new one.
             if (!value.has("name"))
                 v.problem(
                     "needs a name for its rule, by which it is remembered what was spent (as in "
                     "name: spill)");
         }},
        {"better", [&](const Value& v) { keep(v.as("a share", read_share), rule.better); }},
        {"stay", [&](const Value& v) { read_seconds(v, rule.stay); }},
        {"unknown_wait", [&](const Value& v) { read_seconds(v, rule.unknown_wait); }},
        {"egress", [&](const Value& v) { keep(v.as("a size", read_size), rule.egress); }},
        {"sites",
         [&](const Value& v) { read_names_of_some(v, "a list of sites", read_site_name, rule.sites); }},
    });
    value.require("partitions");
    if (rule.name.empty()) rule.name = joined_by_plus(rule.partitions);
    return rule;
}

}  // namespace weir::config
