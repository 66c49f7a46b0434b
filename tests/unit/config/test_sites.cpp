// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/config/parse.h"

using namespace std::chrono_literals;
using namespace weir;
using weir::config::parse;
using weir::config::SiteConnection;
using weir::policies::Site;

namespace {

// A site with what it must have, and further lines of its own.
std::string site(const std::string& more = "", const std::string& name = "west") {
    std::string text = R"(  NAME:
    gateway: {nodes: "NAME-[1-2]", partition: NAME, host: gw1}
    rest: {url: "https://rest.NAME.example:6820", token_file: "NAME/{user}.jwt"}
    files: {sftp: dtn.NAME.example, key_file: "NAME/{user}.key", host_key_sha256: "SHA256:DIGEST", root: "/scratch/{user}"}
    users: {alice: w-alice, bob: w-bob}
    price: {gpu_hour: {a100: 0.60}}
)";
    const auto replace = [&](const std::string& word, const std::string& by) {
        for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size()))
            text.replace(at, word.size(), by);
    };
    replace("NAME", name);
    replace("DIGEST", std::string(43, 'k'));
    return text + (more.empty() ? "" : "    " + more + "\n");
}

config::Policy policy_of(const std::string& text) {
    const auto policy = parse(text);
    if (!policy) {
        for (const auto& problem : policy.error()) UNSCOPED_INFO(to_text(problem, "f"));
    }
    REQUIRE(policy);
    return *policy;
}

Site usual_site() {
    Site site;
    site.name = "west";
    site.partition = "west";
    site.nodes = {"west-1", "west-2"};
    site.users = {{"alice", "w-alice"}, {"bob", "w-bob"}};
    site.terms.gpu_hour.by_type = {{"a100", Money{600'000}}};
    return site;
}

SiteConnection usual_connection() {
    SiteConnection connection;
    connection.site = "west";
    connection.host = "gw1";
    connection.rest_url = "https://rest.west.example:6820";
    connection.token_file = "west/{user}.jwt";
    connection.sftp_host = "dtn.west.example";
    connection.key_file = "west/{user}.key";
    connection.host_key_sha256 = std::string(43, 'k');
    connection.root = "/scratch/{user}";
    return connection;
}

}  // namespace

TEST_CASE("a site that says only what it must has the usual rest", "[config]") {
    const config::Policy policy = policy_of("sites:\n" + site());
    CHECK(policy.overflow.sites == std::vector{usual_site()});
    CHECK(policy.connections == std::vector{usual_connection()});
    CHECK(policy.overflow.currency.empty());
    CHECK(policy.overflow.home.gpu_hour.other == Money{});
    CHECK(policy.overflow.home.power_included);
}

TEST_CASE("every key of a site is read", "[config]") {
    const config::Policy policy = policy_of(R"(
sites:
  west:
    gateway: {nodes: "west-[08-10],w1", partition: gw_west, host: gw1.example, port: 9900}
    rest:
      url: "https://rest.west.example:6820/"
      ca_file: west-ca.pem
      token_file: "west/{user}.jwt"
      token_command: [/usr/libexec/west-token, "{user}", "--days=1"]
      renew: 12h
      partition: gpu
      account: ext
      qos: normal
    files: {sftp: "dtn.west.example:2222", key_file: "/etc/weir/{user}.key", host_key_sha256: ")" +
                                            std::string(43, '+') + R"(=", root: "/scratch/{user}/"}
    users: {alice: shared, bob: shared}
    shared_accounts: true
    accounts: [research]
    qos: [normal, high]
    price: {currency: USD, gpu_hour: {a100: 0.60, other: 2}, egress_gb: 0.02}
    power:
      pue: 1.2
      watts: {a100: 500, other: 650}
      tariff: [{from: "00:00", to: "07:00", kwh: 0.03}, {days: sat-sun, kwh: 0.05}, {kwh: 0.07}]
    vouchers:
      - {name: zz-2026, gpu_hours: 5000, gpus: [a100], accounts: [research], until: 2027-01-01}
      - {name: rest, gpu_hours: 0.5, until: "2026-06-30T12:30:05Z"}
    latency: 45ms
    max_remote_wait: 30m
    overtime: 10m
    max_jobs: 20
)");
    Site wanted = usual_site();
    wanted.partition = "gw_west";
    wanted.nodes = {"w1", "west-08", "west-09", "west-10"};
    wanted.users = {{"alice", "shared"}, {"bob", "shared"}};
    wanted.accounts = {"research"};
    wanted.qos = {"normal", "high"};
    wanted.terms.gpu_hour.other = Money{2'000'000};
    wanted.terms.egress_gb = Money{20'000};
    wanted.terms.power_included = false;
    wanted.terms.power.pue = 1.2;
    wanted.terms.power.watts = {{"a100", 500}};
    wanted.terms.power.other_watts = 650;
    wanted.terms.power.tariff = {{Hours{0b1111111, 0h, 7h}, Money{30'000}},
                                 {Hours{0b1100000, 0h, 24h}, Money{50'000}},
                                 {std::nullopt, Money{70'000}}};
    const auto day = [](int year, unsigned month, unsigned of_month) {
        return Time(std::chrono::sys_days(std::chrono::year(year) / static_cast<int>(month) /
                                          static_cast<int>(of_month)));
    };
    wanted.vouchers = {
        {"zz-2026", GpuSeconds{5000LL * 3600}, {"a100"}, {"research"}, day(2027, 1, 1)},
        {"rest", GpuSeconds{1800}, {}, {}, day(2026, 6, 30) + 12h + 30min + 5s},
    };
    wanted.latency = 45ms;
    wanted.max_remote_wait = 30min;
    wanted.overtime = 10min;
    wanted.max_jobs = 20;
    CHECK(policy.overflow.sites == std::vector{wanted});
    CHECK(policy.overflow.currency == "USD");

    SiteConnection connection = usual_connection();
    connection.host = "gw1.example";
    connection.port = 9900;
    connection.ca_file = "west-ca.pem";
    connection.token_command = {"/usr/libexec/west-token", "{user}", "--days=1"};
    connection.token_renew = 12h;
    connection.partition = "gpu";
    connection.account = "ext";
    connection.qos = "normal";
    connection.sftp_port = 2222;
    connection.key_file = "/etc/weir/{user}.key";
    connection.host_key_sha256 = std::string(43, '+');
    CHECK(policy.connections == std::vector{connection});
}

TEST_CASE("sites stand by name with their connections beside them", "[config]") {
    const config::Policy policy = policy_of("sites:\n" + site("", "west") + site("", "east"));
    REQUIRE(policy.overflow.sites.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) CHECK(policy.overflow.sites[i].name == policy.connections[i].site);
    CHECK(policy.overflow.sites[0].name == "east");
}

TEST_CASE("power is paid besides where the site says what it costs, unless its price includes it",
          "[config]") {
    const std::string power = "power: {tariff: [{kwh: 0.1}]}";
    const auto included = [](const std::string& more) {
        return policy_of("sites:\n" + site(more)).overflow.sites[0].terms.power_included;
    };
    CHECK(included(""));
    CHECK_FALSE(included(power));
    std::string told = site(power);
    told.replace(told.find("{gpu_hour: {a100: 0.60}}"), 24, "{gpu_hour: {a100: 0.60}, includes_power: true}");
    CHECK(policy_of("sites:\n" + told).overflow.sites[0].terms.power_included);
}

TEST_CASE("a place for the account's name is filled wherever it stands", "[config]") {
    CHECK(config::for_account("/x/{user}/{user}.jwt", "w-bob") == "/x/w-bob/w-bob.jwt");
    CHECK(config::for_account("{user}", "{user}") == "{user}");
    CHECK(config::for_account("none", "w-bob") == "none");
    CHECK(config::for_account("", "w-bob").empty());
}
