// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/config/parse.h"

using namespace std::chrono_literals;
using namespace weir;
using weir::config::parse;
using weir::config::Policy;
using weir::policies::IdleRule;
using weir::policies::Rung;

namespace {

Policy policy_of(std::string_view text) {
    const auto policy = parse(text);
    if (!policy) {
        for (const auto& problem : policy.error()) UNSCOPED_INFO(to_text(problem, "weir.yaml"));
    }
    REQUIRE(policy);
    return *policy;
}

// What is wrong with a text, a line each.
std::vector<std::string> errors(std::string_view text) {
    std::vector<std::string> lines;
    const auto policy = parse(text);
    if (policy) return lines;
    for (const auto& problem : policy.error()) lines.push_back(to_text(problem, "f"));
    return lines;
}

}  // namespace

TEST_CASE("a rule on idle GPUs that says nothing has the usual numbers", "[config]") {
    const Policy policy = policy_of("telemetry: {agents: 9810}\nidle:\n  - {}\n");
    IdleRule usual;
    usual.name = "idle";
    CHECK(policy.idle == std::vector{usual});
    CHECK(policy.telemetry.agents == 9810);
    CHECK(policy.telemetry.period == 30s);
}

TEST_CASE("every key of a rule on idle GPUs is read", "[config]") {
    const Policy policy = policy_of(R"(
telemetry: {prometheus: "https://prom.example:9090/base/", match: 'cluster="a"', period: 15s}
gpu_types:
  h100: {training: 1.0, inference: 1.0, idle_watts: 68}
  a100: {training: 0.45}
idle:
  - name: waste
    mode: act
    partitions: [train, long]
    grace: 5m
    window: 40m
    empty: 10m
    hung: 25m
    samples: 90%
    utilisation: 2%
    power: 120%
    hung_utilisation: 99%
    hung_power: 10%
    then: [cancel: 4h, annotate, requeue: 2h, notify: 30m]
    exempt: {users: [root], accounts: [ops], qos: [debug], partitions: [dev], interactive: true}
)");
    CHECK(policy.telemetry == config::Telemetry{"https://prom.example:9090/base", "cluster=\"a\"", 0, 15s});
    CHECK(policy.gpu_types.at("h100").idle_watts == Watts{68});
    CHECK(policy.gpu_types.at("a100").training == 0.45);
    CHECK_FALSE(policy.gpu_types.at("a100").idle_watts);
    IdleRule rule;
    rule.name = "waste";
    rule.mode = policies::Mode::kAct;
    rule.partitions = {"train", "long"};
    rule.grace = 5min;
    rule.window = 40min;
    rule.empty = 10min;
    rule.hung = 25min;
    rule.samples = 90;
    rule.utilisation = 2;
    rule.power = 120;
    rule.hung_utilisation = 99;
    rule.hung_power = 10;
    rule.then = {{Rung::Do::kAnnotate, {}},
                 {Rung::Do::kNotify, 30min},
                 {Rung::Do::kRequeue, 2h},
                 {Rung::Do::kCancel, 4h}};
    rule.exempt = {{"root"}, {"ops"}, {"debug"}, {"dev"}, true};
    CHECK(policy.idle == std::vector{rule});
}

TEST_CASE("what is wrong with telemetry, GPU types and rules on idle GPUs is told where it stands",
          "[config]") {
    CHECK(errors("idle: [{}]") ==
          std::vector<std::string>{"f:1: idle: needs telemetry: say where GPU samples come from (telemetry: "
                                   "{prometheus: URL} or {agents: 9810})"});
    CHECK(errors("telemetry: {agents: 9810, prometheus: \"http://p\"}") ==
          std::vector<std::string>{
              "f:1: telemetry: has both prometheus and agents: keep one, so that no GPU is told of twice"});
    CHECK(errors("telemetry:\n  prometheus: prom:9090") ==
          std::vector<std::string>{
              "f:2: telemetry.prometheus: \"prom:9090\" is not an address (as in http://prometheus:9090)"});
    CHECK(errors("telemetry:\n  prometheus: http://user:secret@prom").size() == 1);
    CHECK(errors("telemetry: {agents: 0}").size() == 1);
    CHECK(errors("telemetry: {prometheus: \"http://p\", match: 'up) or (x'}").size() == 1);
    CHECK(errors("gpu_types: {h100: {training: 0, idle_watts: 0}}").size() == 2);
    const std::string telemetry = "telemetry: {agents: 9810}\nidle:\n";
    CHECK(errors(telemetry + "  - {utilisation: 5}") ==
          std::vector<std::string>{"f:3: idle[0].utilisation: \"5\" has no unit (try 5%)"});
    CHECK(
        errors(telemetry + "  - {samples: 101%}") ==
        std::vector<std::string>{"f:3: idle[0].samples: \"101%\" is not a whole percentage from 0% to 100%"});
    CHECK(errors(telemetry + "  - {then: [annotate: 5m]}") ==
          std::vector<std::string>{
              "f:3: idle[0].then[0].annotate: annotate takes no time: it is done at once"});
    CHECK(errors(telemetry + "  - {then: [notify, notify: 5m]}") ==
          std::vector<std::string>{"f:3: idle[0].then[1]: stands twice in the ladder"});
    CHECK(errors(telemetry + "  - {then: [anotate]}").size() == 1);
    CHECK(errors(telemetry + "  - {partitions: []}").size() == 1);
    CHECK(errors(telemetry + "  - {empty: 1m}") ==
          std::vector<std::string>{
              "f:3: idle[0].empty: empty of 1m is too short for a sample every 30s (at least 1m30s)"});
    CHECK(errors(telemetry + "  - {name: a}\n  - {name: a}") ==
          std::vector<std::string>{"f:4: idle[1]: \"a\" is the name of idle[0] too"});
}
