// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/config/hours.h"
#include "plugin/config/parse.h"

using namespace std::chrono_literals;
using weir::Hours;
using weir::config::parse;
using weir::config::Policy;
using weir::config::read_hours;
using weir::policies::ConsolidateRule;
using weir::policies::Mode;

namespace {

using Messages = std::vector<std::string>;

Policy policy_of(std::string_view text) {
    const auto policy = parse(text);
    if (!policy) {
        for (const auto& problem : policy.error()) UNSCOPED_INFO(to_text(problem, "weir.yaml"));
    }
    REQUIRE(policy);
    return *policy;
}

// What is wrong with a text, a line each.
Messages errors(std::string_view text) {
    Messages messages;
    const auto policy = parse(text);
    if (policy) return messages;
    for (const auto& problem : policy.error()) messages.push_back(to_text(problem, "f"));
    return messages;
}

// What is wrong with one key, which stands on line 2.
Messages of_key(const std::string& key_and_value) {
    return errors("consolidate:\n  " + key_and_value + "\n");
}

struct Bad {
    std::string text;
    std::string message;
};

}  // namespace

TEST_CASE("without the key, or with nothing below it, no job is moved", "[config]") {
    CHECK_FALSE(policy_of("mode: act\n").consolidate);
    CHECK_FALSE(policy_of("consolidate:\n").consolidate);
    CHECK_FALSE(policy_of("consolidate:\n  # mode: act\n").consolidate);
}

TEST_CASE("consolidation that says nothing has the usual numbers", "[config]") {
    const Policy policy = policy_of("mode: act\nconsolidate: {}\n");
    REQUIRE(policy.consolidate);
    CHECK(*policy.consolidate == ConsolidateRule{});
    CHECK(policy.acts(*policy.consolidate));
    const ConsolidateRule& rule = *policy.consolidate;
    CHECK((rule.for_demand && rule.for_fit && rule.tidy.empty() && rule.hours.empty() && !rule.max_gpus));
    CHECK((rule.after == 5min && rule.cooldown == 2h && rule.min_run == 10min && rule.start == 2min));
    CHECK((rule.min_gain == 3 && rule.at_once == 1 && rule.per_hour == 12 && rule.most_moves == 4));
    CHECK(rule.max_worse == 0);
}

TEST_CASE("every key of consolidation is read", "[config]") {
    const Policy policy = policy_of(R"(
consolidate:
  mode: act
  for: [fit]
  tidy: [mon-fri 20:00-06:00, "sat 00:00-24:00"]
  hours: [07:30-19:00]
  after: 90s
  min_gain: 1.5
  at_once: 4
  per_hour: 40
  most_moves: 8
  max_gpus: 4
  cooldown: 1d
  min_run: 0s
  start: 5m
  max_worse: 2
  exempt: {partitions: [debug, long], accounts: [ops], users: [alice, bob]}
)");
    ConsolidateRule rule;
    rule.mode = Mode::kAct;
    rule.for_demand = false;
    rule.tidy = {{0b0011111, 20h, 6h}, {0b0100000, 0min, 24h}};
    rule.hours = {{0b1111111, 7h + 30min, 19h}};
    rule.after = 90s;
    rule.min_gain = 1.5;
    rule.at_once = 4;
    rule.per_hour = 40;
    rule.most_moves = 8;
    rule.max_gpus = 4;
    rule.cooldown = 24h;
    rule.min_run = 0s;
    rule.start = 5min;
    rule.max_worse = 2;
    rule.exempt_partitions = {"debug", "long"};
    rule.exempt_accounts = {"ops"};
    rule.exempt_users = {"alice", "bob"};
    REQUIRE(policy.consolidate);
    CHECK(*policy.consolidate == rule);
    CHECK(policy.mode == Mode::kAdvise);
    CHECK(policy.acts(*policy.consolidate));
}

TEST_CASE("consolidation may be for nothing but tidiness", "[config]") {
    const Policy policy = policy_of("consolidate: {for: [], tidy: [22:00-06:00]}\n");
    REQUIRE(policy.consolidate);
    CHECK_FALSE(policy.consolidate->for_demand);
    CHECK_FALSE(policy.consolidate->for_fit);
    const Policy both = policy_of("consolidate: {for: [demand, fit]}\n");
    CHECK(*both.consolidate == ConsolidateRule{});
}

TEST_CASE("what is wrong with consolidation is told with its place and what would do", "[config]") {
    const std::vector<Bad> table = {
        {"mode: yes", "mode: \"yes\" is not one of advise, act"},
        {"for: demand", "for: must be a list of demand and fit, not \"demand\""},
        {"for:", "for: has no value: give a list of demand and fit"},
        {"for: [fitt]", "for[0]: \"fitt\" is not one of demand, fit (did you mean fit?)"},
        {"for: [fit, tidy]", "for[1]: \"tidy\" is not one of demand, fit"},
        {"after: 5", "after: \"5\" has no unit (try 5m)"},
        {"min_gain: 0", "min_gain: \"0\" is not a ratio of gain to price (as in 3)"},
        {"min_gain: -1", "min_gain: \"-1\" is not a ratio of gain to price (as in 3)"},
        {"min_gain: 1001", "min_gain: \"1001\" is not a ratio of gain to price (as in 3)"},
        {"min_gain: nan", "min_gain: \"nan\" is not a ratio of gain to price (as in 3)"},
        {"min_gain: []", "min_gain: must be a number, not a list"},
        {"at_once: 0", "at_once: must be from 1 to 64"},
        {"at_once: 65", "at_once: must be from 1 to 64"},
        {"at_once: 1.5", "at_once: \"1.5\" is not a whole number"},
        {"per_hour: 0", "per_hour: must be from 1 to 3600"},
        {"per_hour: 3601", "per_hour: must be from 1 to 3600"},
        {"most_moves: 0", "most_moves: must be from 1 to 64"},
        {"max_gpus: many", "max_gpus: \"many\" is not a whole number"},
        {"max_gpus: -1", "max_gpus: \"-1\" is negative"},
        {"cooldown: 2", "cooldown: \"2\" has no unit (try 2m)"},
        {"min_run: 1.5h", "min_run: \"1.5h\" has a fraction (write whole numbers, as in 1h30m)"},
        {"start: soon", "start: \"soon\" is not a duration (as in 90s, 15m or 1h30m)"},
        {"max_worse: 7", "max_worse: must be from 0 to 6"},
        {"exempt: [alice]", "exempt: must be a map of keys, not a list"},
        {"exempt: {users: alice}", "exempt.users: must be a list of users, not \"alice\""},
        {"exempt: {partitions: ['t[1-4]']}",
         "exempt.partitions[0]: \"t[1-4]\" is not the name of a partition"},
        {"exempt: {qos: [high]}", "exempt.qos: unknown key (known here: partitions, accounts, users)"},
        {"tidy: []", "tidy: names no time of day"},
        {"hours: 20:00-06:00",
         "hours: must be a list of times of day (as in [20:00-06:00]), not \"20:00-06:00\""},
        {"hours: [1]", "hours[0]: \"1\" is not a time of day (as in 20:00-06:00 or mon-fri 20:00-06:00)"},
        {"mingain: 3", "mingain: unknown key (did you mean min_gain?)"},
        {"zzz: 1",
         "zzz: unknown key (known here: mode, for, tidy, hours, after, min_gain, at_once, per_hour, "
         "most_moves, max_gpus, cooldown, min_run, start, max_worse, exempt)"},
    };
    for (const auto& [text, message] : table) {
        CAPTURE(text);
        Messages told = of_key(text);
        if (text == "hours: [1]") told.resize(1);
        CHECK(told == Messages{"f:2: consolidate." + message});
    }
    CHECK(errors("consolidate: yes\n") == Messages{"f:1: consolidate: must be a map of keys, not \"yes\""});
    CHECK(errors("consolidate: [{}]\n") == Messages{"f:1: consolidate: must be a map of keys, not a list"});
    CHECK(errors("consolidate:\n  at_once: 1\n  at_once: 2\n") ==
          Messages{"f:3: consolidate.at_once: duplicate key (first on line 2)"});
    CHECK(errors("consolidate:\n  at_once: 0\n  hours:\n    - 08:00-18:00\n    - noon\n") ==
          Messages{"f:2: consolidate.at_once: must be from 1 to 64",
                   "f:5: consolidate.hours[1]: \"noon\" is not a time of day (as in 20:00-06:00 or mon-fri "
                   "20:00-06:00)"});
}

TEST_CASE("times of day are read on one day, on several and over the weekend", "[config]") {
    CHECK(read_hours("20:00-06:00") == Hours{0b1111111, 20h, 6h});
    CHECK(read_hours("00:00-24:00") == Hours{0b1111111, 0min, 24h});
    CHECK(read_hours("22:30-00:00") == Hours{0b1111111, 22h + 30min, 0min});
    CHECK(read_hours("sun 08:00-09:00") == Hours{0b1000000, 8h, 9h});
    CHECK(read_hours("mon-fri 20:00-06:00") == Hours{0b0011111, 20h, 6h});
    CHECK(read_hours("fri-mon 01:00-02:00") == Hours{0b1110001, 1h, 2h});
    CHECK(read_hours("wed-wed 01:00-02:00") == Hours{0b0000100, 1h, 2h});
    CHECK(read_hours("tue-mon 01:00-02:00") == Hours{0b1111111, 1h, 2h});
}

TEST_CASE("what is not a time of day is refused with what would be", "[config]") {
    for (const char* text : {"",
                             " ",
                             "-",
                             "20:00",
                             "20:00-",
                             "-06:00",
                             "8:00-10:00",
                             "08:00-08:00",
                             "24:00-06:00",
                             "24:01-06:00",
                             "20:60-22:00",
                             "25:00-26:00",
                             "20.00-22.00",
                             "2o:00-22:00",
                             "20:00 - 22:00",
                             "20:00-22:00-23:00",
                             "Mon 20:00-22:00",
                             "monday 20:00-22:00",
                             "mon,tue 20:00-22:00",
                             "mon- 20:00-22:00",
                             "-mon 20:00-22:00",
                             "mon  20:00-22:00",
                             "mon 20:00-22:00 ",
                             "20:00-22:00 mon",
                             "-1:00-22:00"}) {
        CAPTURE(text);
        const auto hours = read_hours(text);
        REQUIRE_FALSE(hours);
        CHECK(hours.error() == "\"" + std::string(text) +
                                   "\" is not a time of day (as in 20:00-06:00 or mon-fri 20:00-06:00)");
    }
}
