// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/config/parse.h"

namespace {

using Messages = std::vector<std::string>;

// All that is wrong with the text, as an admin reads it.
Messages errors(std::string_view text) {
    Messages messages;
    const auto policy = weir::config::parse(text);
    if (policy) return messages;
    for (const auto& problem : policy.error()) messages.push_back(to_text(problem, "f"));
    return messages;
}

// What is wrong with one key of an otherwise good rule, which stands on line 2.
Messages in_rule(const std::string& key_and_value) {
    return errors("lend:\n- {name: a, from: x, to: y, " + key_and_value + "}\n");
}

struct Bad {
    std::string text;
    Messages messages;
};

}  // namespace

TEST_CASE("a bad value of the file's own keys is told with what would do", "[config]") {
    const std::string long_path = "/" + std::string(107, 's');
    const std::vector<Bad> table = {
        {"mode: atc", {"f:1: mode: \"atc\" is not one of advise, act (did you mean act?)"}},
        {"mode: 7", {"f:1: mode: \"7\" is not one of advise, act"}},
        {"mode: Act", {"f:1: mode: \"Act\" is not one of advise, act (did you mean act?)"}},
        {"mode:", {"f:1: mode: has no value: give one of advise, act"}},
        {"mode: ~", {"f:1: mode: has no value: give one of advise, act"}},
        {"mode: [act]", {"f:1: mode: must be one of advise, act, not a list"}},
        {"cycle: 10", {"f:1: cycle: \"10\" has no unit (try 10s)"}},
        {"cycle: 99ms", {"f:1: cycle: \"99ms\" is too short (at least 100ms)"}},
        {"cycle: 0s", {"f:1: cycle: \"0s\" is too short (at least 100ms)"}},
        {"cycle: 2h", {"f:1: cycle: \"2h\" is too long (at most 1h)"}},
        {"cycle: 1ms5", {"f:1: cycle: \"1ms5\" is not a duration (as in 90s, 15m or 1h30m)"}},
        {"cycle: 5us", {"f:1: cycle: \"5us\" has the unknown unit \"us\" (known: ms, s, m, h, d)"}},
        {"cycle: {}", {"f:1: cycle: must be a duration, not a map"}},
        {"control: /run/x", {"f:1: control: must be a map of keys, not \"/run/x\""}},
        {"control: {socket: x.sock}", {"f:1: control.socket: \"x.sock\" is not an absolute path"}},
        {"control: {socket: ''}", {"f:1: control.socket: \"\" is not an absolute path"}},
        {"control: {socket: /run/}", {"f:1: control.socket: \"/run/\" is a folder: name the socket in it"}},
        {"control: {socket: \"/a\\0\"}", {"f:1: control.socket: \"/a\\x00\" holds a control character"}},
        {"control: {socket: " + long_path + "}",
         {"f:1: control.socket: path of 108 bytes: a socket's may have 107"}},
        {"metrics: {listen: 9811}",
         {"f:1: metrics.listen: \"9811\" is neither host:port (as in 127.0.0.1:9811) nor off"}},
        {"metrics: {listen: a:65536}",
         {"f:1: metrics.listen: \"a:65536\" is neither host:port (as in 127.0.0.1:9811) nor off"}},
        {"metrics: {listen: ':80'}",
         {"f:1: metrics.listen: \":80\" is neither host:port (as in 127.0.0.1:9811) nor off"}},
        {"metrics: {listen: '::1:80'}",
         {"f:1: metrics.listen: \"::1:80\" is neither host:port (as in 127.0.0.1:9811) nor off"}},
        {"lend: {}", {"f:1: lend: must be a list of rules, not a map"}},
        {"lend: [a]", {"f:1: lend[0]: must be a map of keys, not \"a\""}},
        {"lend: [~]", {"f:1: lend[0]: has no value: give a rule"}},
        {"lend: [{}]",
         {"f:1: lend[0].name: is required", "f:1: lend[0].from: is required",
          "f:1: lend[0].to: is required"}},
        {"- a", {"f:1: must be a map of keys, not a list"}},
        {"just words", {"f:1: must be a map of keys, not \"just words\""}},
    };
    for (const auto& [text, messages] : table) {
        CAPTURE(text);
        CHECK(errors(text) == messages);
    }
}

TEST_CASE("a bad duration is told with what would do", "[config]") {
    const std::vector<Bad> table = {
        {"15", {"\"15\" has no unit (try 15m)"}},
        {"'15'", {"\"15\" has no unit (try 15m)"}},
        {"1h30", {"\"1h30\" has no unit (try 1h30m)"}},
        {"0", {"\"0\" has no unit (try 0m)"}},
        {"-5m", {"\"-5m\" is negative"}},
        {"1.5h", {"\"1.5h\" has a fraction (write whole numbers, as in 1h30m)"}},
        {"5min", {"\"5min\" has the unknown unit \"min\" (known: s, m, h, d)"}},
        {"5M", {"\"5M\" has the unknown unit \"M\" (known: s, m, h, d)"}},
        {"500ms", {"\"500ms\" is finer than a second (known units: s, m, h, d)"}},
        {"5 m", {"\"5 m\" is not a duration (as in 90s, 15m or 1h30m)"}},
        {"1s5", {"\"1s5\" is not a duration (as in 90s, 15m or 1h30m)"}},
        {"1d12", {"\"1d12\" has no unit (try 1d12h)"}},
        {"m", {"\"m\" is not a duration (as in 90s, 15m or 1h30m)"}},
        {"12:30", {"\"12:30\" is not a duration (as in 90s, 15m or 1h30m)"}},
        {"''", {"is empty (as in 90s, 15m or 1h30m)"}},
        {"30m1h", {"\"30m1h\" must name each unit once, the largest first (as in 1h30m)"}},
        {"5m5m", {"\"5m5m\" must name each unit once, the largest first (as in 1h30m)"}},
        {"366d", {"\"366d\" is too long (at most 365d)"}},
        {"365d1s", {"\"365d1s\" is too long (at most 365d)"}},
        {"99999999999999999999999s", {"\"99999999999999999999999s\" is too long (at most 365d)"}},
        {"[5m]", {"must be a duration, not a list"}},
        {"~", {"has no value: give a duration"}},
    };
    for (const auto& [text, messages] : table) {
        CAPTURE(text);
        CHECK(in_rule("min_loan: " + text) == Messages{"f:2: lend[0].min_loan: " + messages[0]});
        CHECK(in_rule("reclaim: {after: " + text + "}") ==
              Messages{"f:2: lend[0].reclaim.after: " + messages[0]});
    }
}

TEST_CASE("a bad number is told with what would do", "[config]") {
    const std::vector<Bad> table = {
        {"2.0", {"\"2.0\" is not a whole number"}},
        {"1e3", {"\"1e3\" is not a whole number"}},
        {"0x10", {"\"0x10\" is not a whole number"}},
        {"010", {"\"010\" is not a whole number"}},
        {"+1", {"\"+1\" is not a whole number"}},
        {"two", {"\"two\" is not a whole number"}},
        {"-1", {"\"-1\" is negative"}},
        {"'4'", {"\"4\" is in quotes: write a whole number without"}},
        {"1000001", {"\"1000001\" is too large (at most 1000000)"}},
        {"99999999999999999999", {"\"99999999999999999999\" is too large (at most 1000000)"}},
        {"true", {"\"true\" is not a whole number"}},
        {"[]", {"must be a whole number, not a list"}},
        {"~", {"has no value: give a whole number"}},
    };
    for (const auto& [text, messages] : table) {
        CAPTURE(text);
        CHECK(in_rule("keep_idle: " + text) == Messages{"f:2: lend[0].keep_idle: " + messages[0]});
        CHECK(in_rule("spare_gpus: {h100: " + text + "}") ==
              Messages{"f:2: lend[0].spare_gpus.h100: " + messages[0]});
    }
}

TEST_CASE("a bad name is told with what would do", "[config]") {
    const std::vector<Bad> table = {
        {"also: [x y]", {"f:2: lend[0].also[0]: \"x y\" is not the name of a partition"}},
        {"also: ['t[1-4]']", {"f:2: lend[0].also[0]: \"t[1-4]\" is not the name of a partition"}},
        {"also: [default]",
         {"f:2: lend[0].also[0]: \"default\" is not a partition (slurm.conf keeps that name for defaults)"}},
        {"also: x", {"f:2: lend[0].also: must be a list of partitions, not \"x\""}},
        {"also: [[x]]", {"f:2: lend[0].also[0]: must be a name, not a list"}},
        {"spare_gpus: 8",
         {"f:2: lend[0].spare_gpus: must be a map of GPU types (as in {h100: 8}), not \"8\""}},
        {"spare_gpus: {'h 100': 8}",
         {"f:2: lend[0].spare_gpus.\"h 100\": \"h 100\" is not a type of GPU (as in Type= of gres.conf)"}},
        {"users: []",
         {"f:2: lend[0].users: is empty: name somebody, or leave the key out to let everybody in"}},
        {"users: ", {"f:2: lend[0].users: has no value: give a list of names"}},
        {"users: [-bob]",
         {"f:2: lend[0].users[0]: \"-bob\" begins with -: only those who are let in are named"}},
        {"users: [a b]", {"f:2: lend[0].users[0]: \"a b\" is not the name of a user or an account"}},
        {"users: ['']", {"f:2: lend[0].users[0]: \"\" is empty: name a user or an account"}},
        {"groups: ['a,b']", {"f:2: lend[0].groups[0]: \"a,b\" is not the name of a group"}},
        {"groups: [\"a\\tb\"]", {"f:2: lend[0].groups[0]: \"a\\x09b\" is not the name of a group"}},
    };
    for (const auto& [text, messages] : table) {
        CAPTURE(text);
        CHECK(in_rule(text) == messages);
    }
    for (const std::string& name :
         {std::string("a b"), std::string("a.b"), std::string("é"), std::string(65, 'n')}) {
        CAPTURE(name);
        const std::string shown = name.size() > 60 ? std::string(59, 'n') + "..." : name;
        CHECK(errors("lend: [{name: " + name + ", from: x, to: y}]") ==
              Messages{"f:1: lend[0].name: \"" + shown +
                       "\" is not a rule's name (1 to 64 letters, digits, _ or -)"});
    }
    CHECK(errors("lend: [{name: a, from: [], to: ''}]") ==
          Messages{"f:1: lend[0].from: is empty: name a partition",
                   "f:1: lend[0].to: \"\" is not the name of a partition"});
}

TEST_CASE("an unknown key is told with the one that was meant", "[config]") {
    CHECK(errors("contol: {}") == Messages{"f:1: contol: unknown key (did you mean control?)"});
    CHECK(errors("zzz: {}") ==
          Messages{"f:1: zzz: unknown key (known here: mode, cycle, control, metrics, "
                   "lend, telemetry, gpu_types, idle, services, consolidate, home, sites, "
                   "overflow)"});
    CHECK(in_rule("nmae: b") == Messages{"f:2: lend[0].nmae: unknown key (did you mean name?)"});
    CHECK(in_rule("min-loan: 5m") == Messages{"f:2: lend[0].min-loan: unknown key (did you mean min_loan?)"});
    CHECK(in_rule("reclaim: {form: 1}") ==
          Messages{"f:2: lend[0].reclaim.form: unknown key (known here: after, notice, then)"});
    CHECK(errors("\"a\\nb\": 1") ==
          Messages{"f:1: \"a\\x0ab\": unknown key (known here: mode, cycle, "
                   "control, metrics, lend, telemetry, gpu_types, idle, services, consolidate, home, sites, "
                   "overflow)"});
    CHECK(in_rule("<<: {keep_idle: 1}") ==
          Messages{"f:2: lend[0].\"<<\": merge keys are not supported: write the keys out"});
}

TEST_CASE("a duplicate key is told in every map, unknown ones included", "[config]") {
    CHECK(errors("mode: act\nmode: act\n") == Messages{"f:2: mode: duplicate key (first on line 1)"});
    CHECK(in_rule("reclaim: {after: 1m, after: 2m}") ==
          Messages{"f:2: lend[0].reclaim.after: duplicate key (first on line 2)"});
    CHECK(in_rule("spare_gpus: {h100: 1, h100: 2, h100: 3}") ==
          Messages{"f:2: lend[0].spare_gpus.h100: duplicate key (first on line 2)"});
    CHECK(errors("x: {y: [1, {z: 1,\n  'z': 2}]}") ==
          Messages{"f:1: x: unknown key (known here: mode, cycle, control, metrics, lend, telemetry, "
                   "gpu_types, idle, services, consolidate, home, sites, overflow)",
                   "f:2: x.y[1].z: duplicate key (first on line 1)"});
}

TEST_CASE("rules that contradict each other are told at the later line", "[config]") {
    CHECK(errors("lend:\n- {name: a, from: x, to: y}\n- {name: a, from: x, to: z}\n") ==
          Messages{"f:3: lend[1].name: \"a\" is the name of another rule too (line 2)"});
    CHECK(errors("lend:\n- {name: a, from: x, to: y}\n- {name: b, from: z, to: y}\n") ==
          Messages{"f:3: lend[1].to: \"y\" is lent to by another rule already (line 2): write one rule, its "
                   "from may "
                   "be a list"});
    CHECK(errors("lend:\n- {name: a, from: x, to: y}\n- {name: b, from: y, to: z}\n") ==
          Messages{"f:3: lend[1].from: \"y\" is what another rule lends to (line 2): lending on what was "
                   "lent is not "
                   "supported"});
    CHECK(errors("lend:\n- {name: a, from: [w, x], to: y}\n- {name: b, from: v, to: x}\n") ==
          Messages{"f:3: lend[1].to: \"x\" is what another rule lends from (line 2): lending on what was "
                   "lent is not "
                   "supported"});
}

TEST_CASE("keys of a rule that contradict each other are told at the later line", "[config]") {
    CHECK(errors("lend:\n- name: a\n  from: [x, y]\n  to: y\n") ==
          Messages{"f:4: lend[0].to: \"y\" is both from and to of this rule (line 3)"});
    CHECK(errors("lend:\n- name: a\n  to: y\n  from:\n  - x\n  - y\n") ==
          Messages{"f:6: lend[0].from[1]: \"y\" is both from and to of this rule (line 3)"});
    CHECK(errors("lend:\n- name: a\n  to: y\n  from:\n  - x\n  - b d\n  - x\n") ==
          Messages{"f:6: lend[0].from[1]: \"b d\" is not the name of a partition",
                   "f:7: lend[0].from[2]: \"x\" is named twice (first on line 5)"});
    CHECK(in_rule("backoff: {first: 2h, max: 1h}") ==
          Messages{"f:2: lend[0].backoff.max: 1h is less than first, 2h (line 2)"});
    CHECK(in_rule("backoff: {first: 2h}") ==
          Messages{"f:2: lend[0].backoff.first: 2h is more than max, 1h (the default)"});
    CHECK(in_rule("backoff: {max: 1m}") ==
          Messages{"f:2: lend[0].backoff.max: 1m is less than first, 5m (the default)"});
    CHECK(in_rule("users: [u],\n  groups: [g]") ==
          Messages{"f:3: lend[0].groups: cannot stand together with users (line 2): Slurm refuses a "
                   "reservation that "
                   "has both"});
    CHECK(in_rule("groups: [g],\n  users: [u, u]") ==
          Messages{"f:3: lend[0].users[1]: \"u\" is named twice (first on line 3)",
                   "f:3: lend[0].users: cannot stand together with groups (line 2): Slurm refuses a "
                   "reservation that "
                   "has both"});
}

TEST_CASE("all errors of a file are told at once, in order of line", "[config]") {
    const std::string same_borrower =
        "\"y\" is lent to by another rule already (line 5): write one rule, its from may be a list";
    CHECK(errors(R"(mode: act
lend:
  - name: a
    from: x
    to: y
    min_loan: 15
    keep_idel: 2
  - to: y
    name: a
    spare_gpus: {h100: x, a100: -1}
cycle: 1
)") == Messages{"f:6: lend[0].min_loan: \"15\" has no unit (try 15m)",
                "f:7: lend[0].keep_idel: unknown key (did you mean keep_idle?)",
                "f:8: lend[1].from: is required", "f:8: lend[1].to: " + same_borrower,
                "f:9: lend[1].name: \"a\" is the name of another rule too (line 3)",
                "f:10: lend[1].spare_gpus.h100: \"x\" is not a whole number",
                "f:10: lend[1].spare_gpus.a100: \"-1\" is negative",
                "f:11: cycle: \"1\" has no unit (try 1s)"});
}
