// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/config/parse.h"
#include "plugin/config/values.h"

using namespace std::chrono_literals;
using namespace weir;
using weir::policies::OverflowRule;
using Messages = std::vector<std::string>;

namespace {

std::string sites() {
    std::string text = "sites:\n";
    for (const std::string name : {"east", "west"}) {
        text +=
            "  " + name + ":\n    gateway: {nodes: \"" + name + "-1\", partition: gw_" + name +
            ", host: gw1}\n    rest: {url: \"https://r." + name + "\", token_file: \"" + name +
            "/{user}\"}\n    files: {sftp: d." + name + ", key_file: \"" + name +
            "/{user}.key\", host_key_sha256: \"" + std::string(43, 'k') +
            "\", root: /s}\n    users: {alice: alice}\n    price: {currency: EUR, gpu_hour: {other: 1}}\n";
    }
    return text;
}

Messages errors(const std::string& text) {
    Messages messages;
    const auto policy = config::parse(text);
    if (policy) return messages;
    for (const auto& problem : policy.error()) messages.push_back(problem.key + ": " + problem.message);
    return messages;
}

Messages of_rule(const std::string& keys) {
    return errors(sites() + "overflow: [{" + keys + "}]\n");
}

OverflowRule rule_of(const std::string& keys) {
    const auto policy = config::parse(sites() + "overflow: [{" + keys + "}]\n");
    REQUIRE(policy);
    REQUIRE(policy->overflow.rules.size() == 1);
    return policy->overflow.rules[0];
}

}  // namespace

TEST_CASE("an overflow rule that says only its partitions sends nobody who does not ask", "[config]") {
    OverflowRule usual;
    usual.name = "train+batch";
    usual.partitions = {"train", "batch"};
    CHECK(rule_of("partitions: [train, batch]") == usual);
    CHECK(usual.otherwise == OverflowWish::kNever);
}

TEST_CASE("every key of an overflow rule is read", "[config]") {
    OverflowRule wanted;
    wanted.name = "spill";
    wanted.mode = policies::Mode::kAct;
    wanted.partitions = {"train"};
    wanted.otherwise = OverflowWish::kAllow;
    wanted.value_of_time = Money{200'000};
    wanted.per_day = Money{400'000'000};
    wanted.per_month = Money{5'000'000'000};
    wanted.better = 0.3;
    wanted.stay = 6min;
    wanted.unknown_wait = 2h;
    wanted.egress = Bytes{20'000'000'000};
    wanted.sites = {"west"};
    CHECK(rule_of("name: spill, partitions: [train], default: allow, value_of_time: 0.20, "
                  "budget: {per_day: 400, per_month: 5000}, better: 0.3, stay: 6m, unknown_wait: 2h, "
                  "egress: 20GB, sites: [west], mode: act") == wanted);
}

TEST_CASE("what a partition's jobs do by default is one of four words", "[config]") {
    const auto by_default = [](const std::string& word) {
        const OverflowRule rule = rule_of("partitions: [p], default: " + word);
        return std::pair(rule.otherwise, rule.forbidden);
    };
    CHECK(by_default("never") == std::pair(OverflowWish::kNever, false));
    CHECK(by_default("allow") == std::pair(OverflowWish::kAllow, false));
    CHECK(by_default("prefer") == std::pair(OverflowWish::kPrefer, false));
    CHECK(by_default("forbidden") == std::pair(OverflowWish::kNever, true));
    CHECK(of_rule("partitions: [p], default: yes") ==
          Messages{"overflow[0].default: \"yes\" is not one of never, allow, prefer, forbidden"});
}

TEST_CASE("what home costs is read, and what it does not name costs nothing", "[config]") {
    const auto policy = config::parse(
        "home: {price: {currency: EUR, gpu_hour: {h100: 1.10}}, power: {pue: 1.3, watts: {h100: 1000}, "
        "tariff: "
        "[{kwh: 0.12}]}}\n" +
        sites());
    REQUIRE(policy);
    policies::Terms wanted;
    wanted.gpu_hour.by_type = {{"h100", Money{1'100'000}}};
    wanted.gpu_hour.other = Money{};
    wanted.power_included = false;
    wanted.power.pue = 1.3;
    wanted.power.watts = {{"h100", 1000}};
    wanted.power.tariff = {{std::nullopt, Money{120'000}}};
    CHECK(policy->overflow.home == wanted);
    CHECK(policy->overflow.currency == "EUR");
}

TEST_CASE("a bad value of an overflow rule is told with what would do", "[config]") {
    CHECK(of_rule("") == Messages{"overflow[0].partitions: is required"});
    CHECK(of_rule("partitions: []") == Messages{"overflow[0].partitions: is empty: name a partition"});
    CHECK(of_rule("partitions: [p], better: 1") ==
          Messages{"overflow[0].better: \"1\" is not a share (from 0 to below 1, as in 0.2)"});
    CHECK(of_rule("partitions: [p], better: 20%") ==
          Messages{"overflow[0].better: \"20%\" is not a share (from 0 to below 1, as in 0.2)"});
    CHECK(of_rule("name: a, partitions: [p], budget: {per_day: 400, per_month: 12}") ==
          Messages{"overflow[0].budget: has per_day, 400.00, above per_month, 12.00"});
    CHECK(of_rule("partitions: [p], budget: {per_day: 400}") ==
          Messages{"overflow[0].budget: needs a name for its rule, by which it is remembered what was spent "
                   "(as in name: spill)"});
    CHECK(of_rule("name: a, partitions: [p], budget: 400") ==
          Messages{"overflow[0].budget: must be a map of keys, not \"400\""});
    CHECK(
        of_rule("partitions: [p], value_of_time: 5m") ==
        Messages{"overflow[0].value_of_time: \"5m\" is not an amount of money (as in 0.60 or 12, without its "
                 "currency)"});
    CHECK(of_rule("partitions: [p], sites: [wset]") ==
          Messages{"overflow[0].sites[0]: \"wset\" is not a site (did you mean west?)"});
    CHECK(of_rule("partitions: [p], sites: [north]") ==
          Messages{"overflow[0].sites[0]: \"north\" is not a site (there are: east, west)"});
    CHECK(of_rule("partitions: [p], sites: [west, west]") ==
          Messages{"overflow[0].sites[1]: \"west\" is named twice"});
    CHECK(errors("overflow: [{partitions: [p]}]") ==
          Messages{"overflow: needs sites: where jobs may go (sites: {NAME: {gateway: ...}})"});
}

TEST_CASE("a size is whole thousands, each with its unit", "[config]") {
    CHECK(config::read_size("1kB") == Bytes{1'000});
    CHECK(config::read_size("500MB") == Bytes{500'000'000});
    CHECK(config::read_size("1000TB") == Bytes{1'000'000'000'000'000});
    CHECK(config::read_size("0") == Bytes{});
    const auto wrong = [](const char* text) { return config::read_size(text).error(); };
    CHECK(wrong("20") == "\"20\" has no unit (try 20GB)");
    CHECK(wrong("1.5GB") == "\"1.5GB\" has a fraction (write whole numbers, as in 1500MB)");
    CHECK(wrong("5GiB") == "\"5GiB\" has the unknown unit \"GiB\" (known: kB, MB, GB, TB)");
    CHECK(wrong("1001TB") == "\"1001TB\" is too large (at most 1000TB)");
    CHECK(wrong("99999999999999999999kB") == "\"99999999999999999999kB\" is too large (at most 1000TB)");
    for (const char* none : {"", "GB", "-1GB", "much"})
        CHECK(wrong(none) == "\"" + std::string(none) + "\" is not a size (as in 500MB or 20GB)");
    CHECK(of_rule("partitions: [p], egress: 20") ==
          Messages{"overflow[0].egress: \"20\" has no unit (try 20GB)"});
}

TEST_CASE("no two overflow rules have the same name or a partition in common", "[config]") {
    CHECK(errors(sites() + "overflow:\n- {name: a, partitions: [p, q]}\n- {name: a, partitions: [q]}\n") ==
          Messages{"overflow[1].name: \"a\" is the name of overflow[0] too",
                   "overflow[1].partitions[0]: \"q\" is named twice (first as overflow[0].partitions[1])"});
}

TEST_CASE("no other policy touches a gateway partition", "[config]") {
    const std::string is_gateway = "\"gw_west\" is the gateway of site west, which overflow alone uses";
    CHECK(of_rule("partitions: [gw_west]") == Messages{"overflow[0].partitions[0]: " + is_gateway});
    CHECK(errors(sites() + "lend: [{name: a, from: x, to: gw_west}]") ==
          Messages{"lend[0].to: " + is_gateway});
    CHECK(errors(sites() + "lend: [{name: a, from: gw_west, to: x, also: [gw_west]}]") ==
          Messages{"lend[0].from: " + is_gateway, "lend[0].also[0]: " + is_gateway});
    CHECK(errors(sites() + "telemetry: {agents: 9810}\nidle: [{partitions: [gw_west]}]") ==
          Messages{"idle[0].partitions[0]: " + is_gateway});
}

TEST_CASE("the currency of home and sites is one", "[config]") {
    CHECK(errors("home: {price: {currency: USD}}\n" + sites()) ==
          Messages{"sites.east.price.currency: \"EUR\" is not the currency of home.price.currency, USD: all "
                   "amounts are in one",
                   "sites.west.price.currency: \"EUR\" is not the currency of home.price.currency, USD: all "
                   "amounts are in one"});
}
