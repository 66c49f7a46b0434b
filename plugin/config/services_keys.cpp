// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/services_keys.h"

#include <algorithm>
#include <map>

#include "plugin/config/common_keys.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

using policies::ServiceRule;
using policies::Signal;

constexpr int kMostReplicas = 1000;
constexpr int kLastPort = 65535;
constexpr DurationForm kSamplePeriod{.usual_unit = "s",
                                     .milliseconds = false,
                                     .min = std::chrono::seconds(1),
                                     .max = std::chrono::minutes(10)};
constexpr std::size_t kShownQuery = 60;  // bytes of a query that stand for its name

Read<double> read_positive(std::string_view text) {
    return read_above_zero(text, 1e12, "a number above 0 (as in 4 or 0.25)");
}

void read_number(const Value& value, double& into) {
    keep(value.as("a number above 0", read_positive), into);
}

void read_path(const Value& value, std::string& into) {
    keep(value.as("an absolute path", read_absolute_path), into);
}

void read_replicas(const Value& value, ServiceRule& into) {
    value.keys({{"min", [&](const Value& v) { read_number_within(v, 0, kMostReplicas, into.min); }},
                {"max", [&](const Value& v) { read_number_within(v, 1, kMostReplicas, into.max); }},
                {"gpus", [&](const Value& v) {
                     int gpus = 1;
                     read_number_within(v, 1, kMostReplicas, gpus);
                     into.gpus = gpus;
                 }}});
    value.require("max");
    if (into.min > into.max)
        value.problem("has min " + std::to_string(into.min) + " above max " + std::to_string(into.max));
}

Signal read_signal(const Value& value) {
    Signal signal;
    value.keys({
        {"name", [&](const Value& v) { keep(v.as("a name", read_rule_name), signal.name); }},
        {"query", [&](const Value& v) { keep(v.text("PromQL"), signal.query); }},
        {"url", [&](const Value& v) { keep(v.as("an address", read_resource), signal.url); }},
        {"value", [&](const Value& v) { keep(v.as("a JSON pointer", read_json_pointer), signal.pointer); }},
        {"target", [&](const Value& v) { read_number(v, signal.target); }},
        {"gpus_per_unit", [&](const Value& v) { read_number(v, signal.gpus_per_unit); }},
    });
    value.require("target");
    value.require("gpus_per_unit");
    if (signal.query.empty() == signal.url.empty())
        value.problem("needs one of query (PromQL) and url (of a JSON document)");
    if (!signal.pointer.empty() && signal.url.empty())
        value.problem("has value without url, in whose document it is looked up");
    if (signal.name.empty()) {
        const std::string& whole = signal.query.empty() ? signal.url + signal.pointer : signal.query;
        signal.name = whole.size() <= kShownQuery
                          ? whole
                          : whole.substr(0, utf8_prefix(whole.substr(0, kShownQuery))) + "...";
    }
    return signal;
}

void read_change(const Value& value, ServiceRule& into) {
    value.keys({{"up", [&](const Value& v) { read_number_within(v, 1, kMostReplicas, into.most_up); }},
                {"down", [&](const Value& v) { read_number_within(v, 1, kMostReplicas, into.most_down); }},
                {"down_after", [&](const Value& v) { read_seconds(v, into.down_after); }}});
}

void read_ready(const Value& value, ServiceRule& into) {
    value.keys(
        {{"path", [&](const Value& v) { keep(v.as("a path of HTTP", read_http_path), into.ready_path); }},
         {"within", [&](const Value& v) { read_seconds(v, into.ready_within); }}});
    value.require("path");
}

policies::Prediction read_prediction(const Value& value) {
    policies::Prediction predict;
    value.keys({{"query", [&](const Value& v) { keep(v.text("PromQL"), predict.query); }},
                {"per_replica", [&](const Value& v) { read_number(v, predict.per_replica); }},
                {"ahead", [&](const Value& v) { read_seconds(v, predict.ahead); }}});
    value.require("query");
    value.require("per_replica");
    return predict;
}

void read_period(const Value& value, Duration& into) {
    const auto read = [](std::string_view text) { return read_duration(text, kSamplePeriod); };
    if (const auto period = value.as("a duration", read))
        into = std::chrono::duration_cast<Duration>(*period);
}

}  // namespace

ServiceRule read_service_rule(const Value& value) {
    ServiceRule rule;
    value.keys({
        {"name", [&](const Value& v) { keep(v.as("a name", read_service_name), rule.name); }},
        {"mode", [&](const Value& v) { rule.mode = read_mode(v); }},
        {"script", [&](const Value& v) { read_path(v, rule.script); }},
        {"user", [&](const Value& v) { keep(v.as("a user", read_account), rule.user); }},
        {"account", [&](const Value& v) { keep(v.as("an account", read_account), rule.account); }},
        {"directory", [&](const Value& v) { read_path(v, rule.directory); }},
        {"replicas", [&](const Value& v) { read_replicas(v, rule); }},
        {"signals",
         [&](const Value& v) {
             v.list("a list of signals", [&](const Value& one) { rule.signals.push_back(read_signal(one)); });
         }},
        {"prometheus", [&](const Value& v) { keep(v.as("an address", read_url), rule.prometheus); }},
        {"period", [&](const Value& v) { read_period(v, rule.period); }},
        {"change", [&](const Value& v) { read_change(v, rule); }},
        {"port", [&](const Value& v) { read_number_within(v, 1, kLastPort, rule.port); }},
        {"ready", [&](const Value& v) { read_ready(v, rule); }},
        {"drain",
         [&](const Value& v) {
             v.keys({{"settle", [&](const Value& t) { read_seconds(t, rule.drain.settle); }},
                     {"notice", [&](const Value& t) { read_seconds(t, rule.drain.notice); }}});
         }},
        {"retry",
         [&](const Value& v) {
             v.keys({{"first", [&](const Value& t) { read_seconds(t, rule.retry.first); }},
                     {"max", [&](const Value& t) { read_seconds(t, rule.retry.max); }}});
         }},
        {"endpoints",
         [&](const Value& v) {
             v.keys({{"file_sd", [&](const Value& path) { read_path(path, rule.file_sd); }},
                     {"nginx", [&](const Value& path) { read_path(path, rule.nginx); }}});
         }},
        {"predict", [&](const Value& v) { rule.predict = read_prediction(v); }},
    });
    for (std::string_view key : {"name", "script", "user", "replicas"}) value.require(key);
    if (rule.user == "root") value.problem("runs as root: give the service a user of its own");
    if (rule.last_port() > kLastPort)
        value.problem("replicas would listen on ports up to " + std::to_string(rule.last_port()) +
                      " (port + twice max), which is above " + std::to_string(kLastPort));
    return rule;
}

void check_services(Policy& policy, Findings& findings) {
    const auto tell = [&](std::size_t i, const char* key, std::string message) {
        const std::string path = entry_path("services", i);
        const std::string precise = key_path(path, key);
        const auto exact = findings.lines.find(precise);
        const auto whole = findings.lines.find(path);
        findings.problems.push_back({exact != findings.lines.end()   ? exact->second
                                     : whole != findings.lines.end() ? whole->second
                                                                     : 0,
                                     precise, std::move(message)});
    };
    std::map<std::string, std::size_t> files;
    for (std::size_t i = 0; i < policy.services.size(); ++i) {
        ServiceRule& rule = policy.services[i];
        if (rule.prometheus.empty()) rule.prometheus = policy.telemetry.prometheus;
        const bool asks = rule.predict || std::ranges::any_of(rule.signals, [](const Signal& signal) {
                              return !signal.query.empty();
                          });
        if (asks && rule.prometheus.empty())
            tell(
                i, "signals",
                "has a query and no Prometheus to ask: give prometheus: URL here, or telemetry: {prometheus: "
                "URL}");
        for (std::size_t j = 0; j < i; ++j) {
            const ServiceRule& other = policy.services[j];
            if (other.name == rule.name)
                tell(i, "name",
                     in_quotes(rule.name) + " is the name of " + entry_path("services", j) + " too");
            if (rule.port < other.last_port() && other.port < rule.last_port())
                tell(i, "port",
                     "ports " + std::to_string(rule.port + 1) + " to " + std::to_string(rule.last_port()) +
                         " (port + twice max) overlap with those of " + other.name + ", " +
                         std::to_string(other.port + 1) + " to " + std::to_string(other.last_port()) +
                         ": replicas of both may stand on one node");
        }
        for (const std::string& file : {rule.file_sd, rule.nginx}) {
            if (file.empty()) continue;
            const auto [other, fresh] = files.try_emplace(file, i);
            if (!fresh) tell(i, "endpoints", in_quotes(file) + " is written twice");
        }
        if (rule.retry.first > rule.retry.max) tell(i, "retry", "has first above max");
    }
}

}  // namespace weir::config
