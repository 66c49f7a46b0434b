// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/config/parse.h"

using namespace std::chrono_literals;
using weir::Ending;
using weir::config::parse;
using weir::config::Policy;
using weir::policies::LendRule;
using weir::policies::Mode;

namespace {

// The policy of a text that must be valid.
Policy policy_of(std::string_view text) {
    const auto policy = parse(text);
    if (!policy) {
        for (const auto& problem : policy.error()) UNSCOPED_INFO(to_text(problem, "weir.yaml"));
    }
    REQUIRE(policy);
    return *policy;
}

// A policy of one rule that says only what it must, and what `change` adds.
template <class Change>
Policy one_rule(Change change) {
    LendRule rule;
    rule.name = "a";
    rule.from = {"x"};
    rule.to = "y";
    change(rule);
    Policy policy;
    policy.lend = {rule};
    return policy;
}

}  // namespace

TEST_CASE("a file that says nothing is the policy without rules", "[config]") {
    for (const char* text :
         {"", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "{}", "~", "\xEF\xBB\xBF", "lend:\n",
          "lend: []\n", "control:\nmetrics:\n", "mode: advise\n"}) {
        CAPTURE(text);
        CHECK(policy_of(text) == Policy{});
    }
}

TEST_CASE("every key of a full file reaches the policy", "[config]") {
    Policy wanted;
    wanted.mode = Mode::kAct;
    wanted.cycle = 2500ms;
    wanted.control_socket = "/run/w.sock";
    wanted.metrics_listen = "[::1]:9811";
    LendRule rule;
    rule.name = "inference-1_a";
    rule.mode = Mode::kAdvise;
    rule.from = {"train", "research"};
    rule.to = "inference";
    rule.keep_idle = 2;
    rule.max_lent = 16;
    rule.spare_gpus = {{"h100", 8}, {"1g.10gb", 2}, {"", 4}};
    rule.min_loan = 90min;
    rule.idle_return = 90s;
    rule.reclaim = {0s, 24h, Ending::kCancel};
    rule.backoff = {1min, 48h};
    rule.also = {"debug"};
    rule.accounts = {"serving"};
    rule.groups = {"domain users", "ml"};
    wanted.lend = {rule};
    CHECK(policy_of(R"(
mode: act
cycle: 2s500ms
control: {socket: /run/w.sock}
metrics: {listen: "[::1]:9811"}
lend:
  - name: inference-1_a
    mode: advise
    from: [train, research]
    to: inference
    keep_idle: 2
    max_lent: 16
    spare_gpus: {h100: 8, 1g.10gb: 2, gpu: 4}
    min_loan: 1h30m
    idle_return: 90s
    reclaim: {after: 0s, notice: 24h, then: cancel}
    backoff: {first: 1m, max: 2d}
    also: [debug]
    accounts: [serving]
    groups: [domain users, ml]
)") == wanted);
}

TEST_CASE("a rule that says only what it must has the defaults", "[config]") {
    const Policy wanted = one_rule([](LendRule&) {});
    CHECK(policy_of("lend: [{name: a, from: x, to: y}]") == wanted);
    CHECK(policy_of("lend:\r\n- name: a\r\n  from: [x]\r\n  to: 'y'\r\n  reclaim:\r\n") == wanted);
}

TEST_CASE("metrics can be off", "[config]") {
    CHECK(policy_of("metrics: {listen: off}").metrics_listen.empty());
    CHECK(policy_of("metrics: {listen: \"off\"}").metrics_listen.empty());
    CHECK(policy_of("metrics: {listen: head-1.example:80}").metrics_listen == "head-1.example:80");
}

TEST_CASE("an alias is what it stands for", "[config]") {
    const Policy policy = policy_of(R"(
lend:
  - {name: a, from: &owners [x, z], to: y, min_loan: &long 2h, backoff: &slow {first: 1h, max: 2h}}
  - {name: b, from: *owners, to: w, min_loan: *long, backoff: *slow}
)");
    REQUIRE(policy.lend.size() == 2);
    CHECK(policy.lend[1].from == std::vector<std::string>{"x", "z"});
    CHECK(policy.lend[1].min_loan == 2h);
    CHECK(policy.lend[1].backoff == policy.lend[0].backoff);
}

TEST_CASE("a rule's own mode goes before that of the file", "[config]") {
    const Policy policy = policy_of(R"(
mode: act
lend:
  - {name: a, from: x, to: y}
  - {name: b, from: x, to: z, mode: advise}
)");
    CHECK(policy.acts(policy.lend[0]));
    CHECK_FALSE(policy.acts(policy.lend[1]));
}

TEST_CASE("no nodes to lend and no idle ones to keep are numbers too", "[config]") {
    CHECK(policy_of("lend: [{name: a, from: x, to: y, keep_idle: 0, max_lent: 0}]") ==
          one_rule([](LendRule& rule) { rule.max_lent = 0; }));
    CHECK(policy_of("lend: [{name: a, from: x, to: y, max_lent: 1000000}]") ==
          one_rule([](LendRule& rule) { rule.max_lent = 1000000; }));
}
