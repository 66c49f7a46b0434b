// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/telemetry_keys.h"

#include <map>

#include "plugin/config/common_keys.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

constexpr DurationForm kPeriod{.usual_unit = "s",
                               .milliseconds = false,
                               .min = std::chrono::seconds(1),
                               .max = std::chrono::minutes(10)};
constexpr int kFewestSamples = 3;  // in the shortest window

void read_port(const Value& value, int& into) {
    const auto port = value.count();
    if (!port) return;
    if (*port < 1 || *port > 65535)
        value.problem(std::to_string(*port) +
                      " is not a port: give the one that the agents listen on, as 9810");
    else
        into = *port;
}

}  // namespace

Telemetry read_telemetry(const Value& value) {
    Telemetry telemetry;
    value.keys({
        {"prometheus", [&](const Value& v) { keep(v.as("an address", read_url), telemetry.prometheus); }},
        {"match", [&](const Value& v) { keep(v.as("label matchers", read_matchers), telemetry.match); }},
        {"agents", [&](const Value& v) { read_port(v, telemetry.agents); }},
        {"period",
         [&](const Value& v) {
             const auto read = [](std::string_view text) { return read_duration(text, kPeriod); };
             if (const auto period = v.as("a duration", read))
                 telemetry.period = std::chrono::duration_cast<Duration>(*period);
         }},
    });
    if (!telemetry.prometheus.empty() && telemetry.agents != 0)
        value.problem("has both prometheus and agents: keep one, so that no GPU is told of twice");
    if (telemetry.prometheus.empty() && !telemetry.match.empty())
        value.problem("has match without prometheus, whose series it chooses");
    return telemetry;
}

void check_idle_rules(const Policy& policy, Findings& findings) {
    const auto line = [&](const std::string& path) {
        const auto found = findings.lines.find(path);
        return found == findings.lines.end() ? 0 : found->second;
    };
    const auto tell = [&](const std::string& path, std::string message) {
        findings.problems.push_back({line(path), path, std::move(message)});
    };
    if (!policy.idle.empty() && !policy.telemetry.configured())
        tell("idle",
             "needs telemetry: say where GPU samples come from (telemetry: {prometheus: URL} or {agents: "
             "9810})");
    std::map<std::string, std::string> names;
    for (std::size_t i = 0; i < policy.idle.size(); ++i) {
        const policies::IdleRule& rule = policy.idle[i];
        const std::string path = entry_path("idle", i);
        if (const auto [other, fresh] = names.try_emplace(rule.name, path); !fresh)
            tell(path, in_quotes(rule.name) + " is the name of " + other->second + " too");
        const auto enough = [&](const char* key, Duration window) {
            if (window < kFewestSamples * policy.telemetry.period)
                tell(line(key_path(path, key)) > 0 ? key_path(path, key) : path,
                     std::string(key) + " of " + weir::to_text(window) + " is too short for a sample every " +
                         weir::to_text(policy.telemetry.period) + " (at least " +
                         weir::to_text(kFewestSamples * policy.telemetry.period) + ")");
        };
        enough("window", rule.window);
        enough("empty", rule.empty);
        enough("hung", rule.hung);
    }
}

}  // namespace weir::config
