// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/config/parse.h"

using Messages = std::vector<std::string>;

namespace {

// The keys of a good site, each on a line of its own that a test may replace. The site's name stands on
// line 2.
std::map<std::string, std::string> good_keys(const std::string& name = "west") {
    return {
        {"files", "{sftp: dtn.example, key_file: \"" + name + "/{user}.key\", host_key_sha256: \"" +
                      std::string(43, 'k') + "\", root: \"/scratch/{user}\"}"},
        {"gateway", "{nodes: \"" + name + "-[1-2]\", partition: " + name + ", host: gw1}"},
        {"price", "{currency: USD, gpu_hour: {a100: 0.60}}"},
        {"rest", "{url: \"https://rest.example:6820\", token_file: \"" + name + "/{user}.jwt\"}"},
        {"users", "{alice: w-alice, bob: w-bob}"},
    };
}

std::string text_of(const std::map<std::string, std::string>& keys, const std::string& name = "west") {
    std::string text = "  " + name + ":\n";
    for (const auto& [key, value] : keys) {
        if (!value.empty()) text += "    " + key + ": " + value + "\n";
    }
    return text;
}

Messages errors(const std::string& text) {
    Messages messages;
    const auto policy = weir::config::parse(text);
    if (policy) return messages;
    for (const auto& problem : policy.error()) messages.push_back(problem.key + ": " + problem.message);
    return messages;
}

// What is wrong with a site whose key has that value; an empty one leaves the key out.
Messages with(const std::string& key, const std::string& value) {
    auto keys = good_keys();
    keys[key] = value;
    return errors("sites:\n" + text_of(keys));
}

struct Bad {
    std::string key;
    std::string value;
    Messages messages;
};

const std::string kRest = "url: \"https://r.example\", token_file: \"{user}.jwt\"";

}  // namespace

TEST_CASE("a site lacks nothing that it must have", "[config]") {
    for (const char* key : {"gateway", "rest", "files", "users", "price"}) {
        CAPTURE(key);
        CHECK(with(key, "") == Messages{"sites.west." + std::string(key) + ": is required"});
    }
    CHECK(errors("sites: {west: }").size() == 5);
    CHECK(errors("sites: [west]") == Messages{"sites: must be a map of sites, by name, not a list"});
    CHECK(errors("sites: {9west: {}}")[0] ==
          "sites.9west: \"9west\" is not a site's name (a letter, then letters, digits, _ or -, at most 64)");
}

TEST_CASE("a bad value of a site is told with what would do", "[config]") {
    const std::vector<Bad> table = {
        {"gateway",
         "{nodes: \"west-[2-1]\", partition: p, host: h}",
         {"sites.west.gateway.nodes: \"west-[2-1]\" is not a list of nodes (as in \"west-[1-8]\")"}},
        {"gateway",
         "{nodes: \"w[1-2],w2\", partition: p, host: h}",
         {"sites.west.gateway.nodes: \"w[1-2],w2\" names w2 twice"}},
        {"gateway",
         "{nodes: w1, partition: p, host: \"h:1\", port: 0}",
         {"sites.west.gateway.host: \"h:1\" is not the name of a machine",
          "sites.west.gateway.port: must be from 1 to 65535"}},
        {"gateway",
         "{}",
         {"sites.west.gateway.nodes: is required", "sites.west.gateway.partition: is required",
          "sites.west.gateway.host: is required"}},
        {"rest",
         "{url: \"http://rest.example:6820\", token_file: \"{user}\"}",
         {"sites.west.rest.url: \"http://rest.example:6820\" is not https: tokens are sent there (http is "
          "for "
          "this machine itself alone)"}},
        {"rest",
         "{url: \"http://localhost.example\", token_file: \"{user}\"}",
         {"sites.west.rest.url: \"http://localhost.example\" is not https: tokens are sent there (http is "
          "for "
          "this machine itself alone)"}},
        {"rest",
         "{url: rest, token_file: \"{user}\"}",
         {"sites.west.rest.url: \"rest\" is not an address (as in https://rest.west.example:6820)"}},
        {"rest",
         "{url: \"https://r\"}",
         {"sites.west.rest: has neither token_file nor token_command: the site asks who is there"}},
        {"rest",
         "{" + kRest + ", renew: 1h}",
         {"sites.west.rest: has renew without token_command, which would print the new token"}},
        {"rest",
         "{" + kRest + ", token: abc}",
         {"sites.west.rest.token: unknown key: its text stands in a file of its own, which token_file "
          "names"}},
        {"rest",
         "{url: \"https://r\", token_file: eyJhbGciOiJIUzI1NiJ9.x.y}",
         {"sites.west.rest.token_file: holds a secret itself: put it into a file that only the gateway can "
          "read, and name that"}},
        {"rest",
         "{url: \"https://r\", token_file: \"../{user}\"}",
         {"sites.west.rest.token_file: \"../{user}\" leads upwards: write it without .."}},
        {"rest",
         "{url: \"https://r\", token_file: \"{name}/x{user}\"}",
         {"sites.west.rest.token_file: \"{name}/x{user}\" has braces (only {user} stands for something)"}},
        {"rest",
         "{url: \"https://r\", token_command: [west-token, \"{user}\"]}",
         {"sites.west.rest.token_command[0]: \"west-token\" is not an absolute path"}},
        {"files",
         "{sftp: \"a b\", key_file: \"{user}\", host_key_sha256: abc, root: scratch}",
         {"sites.west.files.sftp: \"a b\" is not a host, with its port or without (as in "
          "dtn.west.example:22)",
          "sites.west.files.host_key_sha256: \"abc\" is not the SHA-256 of a host key (43 characters, as "
          "`ssh-keygen -l` prints after SHA256:)",
          "sites.west.files.root: \"scratch\" is not an absolute path"}},
        {"users",
         "{alice: ../w}",
         {"sites.west.users.alice: \"../w\" is not the name of a user there (letters, digits, _ - . @)"}},
        {"users", "{root: w}", {"sites.west.users.root: root sends no jobs: give users of their own"}},
        {"users", "~", {"sites.west.users: has no value: name who may send jobs there"}},
        {"accounts", "[]", {"sites.west.accounts: is empty: name one, or leave the key out for all"}},
        {"price",
         "{gpu_hour: {a100: 0.60 USD}}",
         {"sites.west.price.gpu_hour.a100: \"0.60 USD\" is not an amount of money (as in 0.60 or 12, without "
          "its currency)"}},
        {"price", "{gpu_hour: {a100: -1}}", {"sites.west.price.gpu_hour.a100: \"-1\" is negative"}},
        {"price",
         "{currency: dollars, gpu_hour: {a100: 0.1234567}}",
         {"sites.west.price.currency: \"dollars\" is not a currency (three capitals, as in USD)",
          "sites.west.price.gpu_hour.a100: \"0.1234567\" is finer than a millionth (at most six decimals)"}},
        {"price", "{egress_gb: 1}", {"sites.west.price.gpu_hour: is required"}},
        {"price",
         "{gpu_hour: {a100: 1}, includes_power: false}",
         {"sites.west: has a price without power, and no power: that says what power costs"}},
        {"latency", "45", {"sites.west.latency: \"45\" has no unit (try 45ms)"}},
        {"max_jobs", "0", {"sites.west.max_jobs: must be from 1 to 100000"}},
        {"max_remote_wait", "20", {"sites.west.max_remote_wait: \"20\" has no unit (try 20m)"}},
    };
    for (const auto& [key, value, messages] : table) {
        CAPTURE(key, value);
        CHECK(with(key, value) == messages);
    }
}

TEST_CASE("a tariff says what every hour costs", "[config]") {
    const std::vector<Bad> table = {
        {"power",
         "{pue: 0.9, tariff: [{kwh: 1}]}",
         {"sites.west.power.pue: \"0.9\" is not a PUE (from 1 to 10, as in 1.2)"}},
        {"power", "{}", {"sites.west.power.tariff: is required"}},
        {"power", "{tariff: []}", {"sites.west.power.tariff: is empty: say what a kWh costs"}},
        {"power",
         "{tariff: [{from: \"07:00\", kwh: 1}, {kwh: 2}]}",
         {"sites.west.power.tariff[0]: has one of from and to: give both, or neither"}},
        {"power",
         "{tariff: [{kwh: 2}, {from: \"07:00\", to: \"08:00\", kwh: 1}]}",
         {"sites.west.power.tariff[1]: stands behind a band without hours, which is for all that is left"}},
        {"power",
         "{tariff: [{from: \"07:00\", to: \"07:00\", kwh: 1}, {kwh: 1}]}",
         {"sites.west.power.tariff[0]: \"07:00-07:00\" is not a time of day (as in 20:00-06:00 or mon-fri "
          "20:00-06:00)"}},
        {"power",
         "{tariff: [{from: \"00:00\", to: \"07:00\", kwh: 1}]}",
         {"sites.west.power.tariff: says nothing of mon 07:00: end it with a band without hours (as in {kwh: "
          "0.12})"}},
        {"power",
         "{tariff: [{from: \"00:00\", to: \"07:00\"}, {kwh: 1}]}",
         {"sites.west.power.tariff[0].kwh: is required"}},
        {"power",
         "{tariff: [{from: \"07:00\", to: \"22:00\", kwh: 2}, {from: \"22:00\", to: \"07:00\", kwh: 1}]}",
         {}},
    };
    for (const auto& [key, value, messages] : table) {
        CAPTURE(value);
        CHECK(with(key, value) == messages);
    }
}

TEST_CASE("a voucher has a name of its own, an amount and a last day", "[config]") {
    const std::vector<Bad> table = {
        {"vouchers",
         "[{}]",
         {"sites.west.vouchers[0].name: is required", "sites.west.vouchers[0].gpu_hours: is required"}},
        {"vouchers",
         "[{name: a, gpu_hours: 1}, {name: a, gpu_hours: 2}]",
         {"sites.west.vouchers[1]: \"a\" is the name of another voucher here too"}},
        {"vouchers",
         "[{name: a, gpu_hours: 0, gpus: []}]",
         {"sites.west.vouchers[0].gpu_hours: \"0\" is not a number of GPU-hours (as in 5000)",
          "sites.west.vouchers[0].gpus: is empty: name one, or leave the key out for all"}},
        {"vouchers",
         "[{name: a, gpu_hours: 1, until: 2027-02-30}]",
         {"sites.west.vouchers[0].until: \"2027-02-30\" is not a date (as in 2027-01-01 or "
          "2027-01-01T08:00:00Z, both UTC)"}},
        {"vouchers",
         "[{name: a, gpu_hours: 1, until: \"2027-02-03T24:00:00Z\"}]",
         {"sites.west.vouchers[0].until: \"2027-02-03T24:00:00Z\" is not a date (as in 2027-01-01 or "
          "2027-01-01T08:00:00Z, both UTC)"}},
    };
    for (const auto& [key, value, messages] : table) {
        CAPTURE(value);
        CHECK(with(key, value) == messages);
    }
}

TEST_CASE("two users share an account there only where the site says so", "[config]") {
    const std::string shared = "{alice: ext, bob: ext}";
    CHECK(with("users", shared) ==
          Messages{
              "sites.west.users.bob: \"ext\" is the account of alice too, and each could reach the other's "
              "jobs and files there; give each one of their own, or say shared_accounts: true"});
    auto keys = good_keys();
    keys["users"] = shared;
    keys["shared_accounts"] = "true";
    CHECK(errors("sites:\n" + text_of(keys)).empty());
}

TEST_CASE("two accounts share no secret", "[config]") {
    CHECK(with("rest", "{url: \"https://r\", token_file: west.jwt}") ==
          Messages{
              "sites.west.rest.token_file: \"west.jwt\" would serve w-alice and w-bob: each has one of its "
              "own (write {user} where its name goes)"});
    CHECK(with("rest", "{url: \"https://r\", token_command: [/usr/bin/token]}") ==
          Messages{"sites.west.rest.token_command: prints one token for 2 accounts: each has one of its own "
                   "(write {user} where its name goes)"});
    auto keys = good_keys();
    keys["users"] = "{alice: w-alice}";
    keys["rest"] = "{url: \"https://r\", token_file: west.jwt}";
    CHECK(errors("sites:\n" + text_of(keys)).empty());

    auto east = good_keys("east");
    east["users"] = "{alice: e-alice}";
    east["rest"] = keys["rest"];
    CHECK(errors("sites:\n" + text_of(keys) + text_of(east, "east")) ==
          Messages{
              "sites.west.rest.token_file: \"west.jwt\" would serve w-alice and also e-alice of site east"});
}

TEST_CASE("two sites share neither nodes nor partition nor a second currency", "[config]") {
    auto east = good_keys("east");
    east["gateway"] = "{nodes: \"east-1,west-2\", partition: west, host: gw1}";
    east["price"] = "{currency: EUR, gpu_hour: {a100: 0.60}}";
    CHECK(errors("sites:\n" + text_of(east, "east") + text_of(good_keys())) ==
          Messages{
              "sites.west.gateway.partition: \"west\" is the partition of site east too: each site has one "
              "of its own",
              "sites.west.gateway.nodes: \"west-2\" is a gateway node of site east too",
              "sites.west.price.currency: \"USD\" is not the currency of sites.east.price.currency, EUR: "
              "all amounts are in one"});
}

TEST_CASE("the sites of one gateway host have one port", "[config]") {
    auto east = good_keys("east");
    east["gateway"] = "{nodes: \"east-1\", partition: east, host: gw1, port: 9900}";
    const std::string both = "sites:\n" + text_of(east, "east") + text_of(good_keys());
    CHECK(errors(both) ==
          Messages{"sites.west.gateway.port: 9812 is not the port of site east on gw1, which is 9900: one "
                   "weir-gateway serves all sites of a host, so give them one port"});
    const auto read = weir::config::parse(both);
    REQUIRE_FALSE(read);
    CHECK(read.error().front().line == 10);  // that of west's gateway, which says no port
    east["gateway"] = "{nodes: \"east-1\", partition: east, host: gw2, port: 9900}";
    CHECK(errors("sites:\n" + text_of(east, "east") + text_of(good_keys())).empty());
}
