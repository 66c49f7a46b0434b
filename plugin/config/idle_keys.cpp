// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/idle_keys.h"

#include <algorithm>

#include "plugin/config/common_keys.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

using policies::Rung;

constexpr int kMostPower = 1000;  // percent of the idle reference
constexpr int kMostWatts = 10'000;

Read<double> read_speed(std::string_view text) {
    return read_above_zero(text, 1000, "a speed relative to the first type (as in 0.45)");
}

void read_gpu_type_of(const Value& value, policies::GpuType& into) {
    value.keys({{"training", [&](const Value& v) { keep(v.as("a number", read_speed), into.training); }},
                {"inference", [&](const Value& v) { keep(v.as("a number", read_speed), into.inference); }},
                {"idle_watts", [&](const Value& v) {
                     const auto watts = v.count();
                     if (watts && (*watts < 1 || *watts > kMostWatts))
                         v.problem("must be from 1 to " + std::to_string(kMostWatts) + " watts");
                     else if (watts)
                         into.idle_watts = Watts{*watts};
                 }}});
}

void read_rung(const Value& value, std::vector<Rung>& into) {
    const auto add = [&](Rung rung) {
        if (std::ranges::find(into, rung.what, &Rung::what) != into.end())
            value.problem("stands twice in the ladder");
        else
            into.push_back(rung);
    };
    if (!value.is_map()) {
        if (const auto what = value.one_of<Rung::Do>({{"annotate", Rung::Do::kAnnotate},
                                                      {"notify", Rung::Do::kNotify},
                                                      {"requeue", Rung::Do::kRequeue},
                                                      {"cancel", Rung::Do::kCancel}}))
            add({*what, {}});
        return;
    }
    const auto after = [&](Rung::Do what) {
        return [&add, what](const Value& time) {
            Rung rung{what, {}};
            read_seconds(time, rung.after);
            if (what == Rung::Do::kAnnotate)
                time.problem("annotate takes no time: it is done at once");
            else
                add(rung);
        };
    };
    value.keys({{"annotate", after(Rung::Do::kAnnotate)},
                {"notify", after(Rung::Do::kNotify)},
                {"requeue", after(Rung::Do::kRequeue)},
                {"cancel", after(Rung::Do::kCancel)}});
}

void read_ladder(const Value& value, std::vector<Rung>& into) {
    into.clear();
    value.list("a list of annotate, notify, requeue, cancel (as in [annotate, notify: 30m])",
               [&](const Value& rung) { read_rung(rung, into); });
    std::ranges::stable_sort(into, {}, &Rung::after);
}

void read_exempt(const Value& value, policies::Exempt& into) {
    value.keys(
        {{"users", [&](const Value& v) { read_names(v, "a list of users", read_account, into.users); }},
         {"accounts",
          [&](const Value& v) { read_names(v, "a list of accounts", read_account, into.accounts); }},
         {"qos", [&](const Value& v) { read_names(v, "a list of QOS", read_account, into.qos); }},
         {"partitions",
          [&](const Value& v) { read_names(v, "a list of partitions", read_partition, into.partitions); }},
         {"interactive", [&](const Value& v) {
              keep(v.one_of<bool>({{"true", true}, {"false", false}}), into.interactive);
          }}});
}

void read_partitions(const Value& value, std::vector<std::string>& into) {
    read_names(value, "a list of partitions", read_partition, into);
    if (value.is_list() && into.empty())
        value.problem("is empty: name a partition, or leave the key out for all that no lending rule serves");
}

}  // namespace

policies::GpuTypeTable read_gpu_types(const Value& value) {
    policies::GpuTypeTable types;
    value.entries("a map of GPU types (as in {h100: {idle_watts: 70}})",
                  [&](const std::string& key, const Value& v) {
                      const auto name = read_gpu_type(key);
                      if (!name) v.problem(name.error());
                      policies::GpuType type;
                      read_gpu_type_of(v, type);
                      if (name) types[*name] = type;
                  });
    return types;
}

policies::IdleRule read_idle_rule(const Value& value) {
    policies::IdleRule rule;
    value.keys({
        {"name", [&](const Value& v) { keep(v.as("a name", read_rule_name), rule.name); }},
        {"mode", [&](const Value& v) { rule.mode = read_mode(v); }},
        {"partitions", [&](const Value& v) { read_partitions(v, rule.partitions); }},
        {"grace", [&](const Value& v) { read_seconds(v, rule.grace); }},
        {"window", [&](const Value& v) { read_seconds(v, rule.window); }},
        {"empty", [&](const Value& v) { read_seconds(v, rule.empty); }},
        {"hung", [&](const Value& v) { read_seconds(v, rule.hung); }},
        {"samples", [&](const Value& v) { read_percent(v, 100, rule.samples); }},
        {"utilisation", [&](const Value& v) { read_percent(v, 100, rule.utilisation); }},
        {"power", [&](const Value& v) { read_percent(v, kMostPower, rule.power); }},
        {"hung_utilisation", [&](const Value& v) { read_percent(v, 100, rule.hung_utilisation); }},
        {"hung_power", [&](const Value& v) { read_percent(v, 100, rule.hung_power); }},
        {"then", [&](const Value& v) { read_ladder(v, rule.then); }},
        {"exempt", [&](const Value& v) { read_exempt(v, rule.exempt); }},
    });
    return rule;
}

}  // namespace weir::config
