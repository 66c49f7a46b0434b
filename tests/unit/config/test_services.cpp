// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/config/parse.h"

using namespace std::chrono_literals;
using namespace weir;
using weir::config::parse;
using weir::policies::ServiceRule;
using Messages = std::vector<std::string>;

namespace {

// A service with what it must have, and further lines of its own.
std::string service(const std::string& more = "", const std::string& name = "chat", int port = 8000) {
    return "  - name: " + name +
           "\n    script: /srv/chat.sbatch\n    user: serve\n    port: " + std::to_string(port) +
           "\n    replicas: {min: 1, max: 6}\n" + (more.empty() ? "" : "    " + more + "\n");
}

Messages errors(const std::string& text) {
    Messages lines;
    const auto policy = parse(text);
    if (policy) return lines;
    for (const auto& problem : policy.error()) lines.push_back(to_text(problem, "f"));
    return lines;
}

Messages of_service(const std::string& more) {
    return errors("services:\n" + service(more));
}

}  // namespace

TEST_CASE("a service that says only what it must has the usual rest", "[config]") {
    const auto policy = parse("services:\n" + service());
    REQUIRE(policy);
    ServiceRule usual;
    usual.name = "chat";
    usual.script = "/srv/chat.sbatch";
    usual.user = "serve";
    usual.min = 1;
    usual.max = 6;
    CHECK(policy->services == std::vector{usual});
}

TEST_CASE("every key of a service is read", "[config]") {
    const auto policy = parse(R"(
telemetry: {prometheus: "http://prom:9090"}
services:
  - name: chat
    mode: act
    script: /srv/chat/replica.sbatch
    user: serve
    account: serving
    directory: /srv/chat
    replicas: {min: 2, max: 8, gpus: 4}
    signals:
      - {name: waiting, query: 'sum(vllm:num_requests_waiting)', target: 4, gpus_per_unit: 0.25}
      - {url: "http://stats:80/load?of=chat", value: /queue/0/length, target: 10.5, gpus_per_unit: 1}
    period: 5s
    change: {up: 3, down: 2, down_after: 20m}
    port: 9000
    ready: {path: /health, within: 15m}
    drain: {settle: 8s, notice: 5m}
    retry: {first: 10s, max: 5m}
    endpoints: {file_sd: /run/weir/chat.json, nginx: /run/weir/chat.upstream}
    predict: {query: 'sum(rate(requests[10m]))', per_replica: 3, ahead: 20m}
)");
    REQUIRE(policy);
    const ServiceRule& rule = policy->services.at(0);
    CHECK(rule.account == "serving");
    CHECK(rule.directory == "/srv/chat");
    CHECK(rule.gpus == 4);
    CHECK(rule.prometheus == "http://prom:9090");
    CHECK(rule.signals[0] == policies::Signal{"waiting", "sum(vllm:num_requests_waiting)", "", "", 4, 0.25});
    CHECK(rule.signals[1] == policies::Signal{"http://stats:80/load?of=chat/queue/0/length", "",
                                              "http://stats:80/load?of=chat", "/queue/0/length", 10.5, 1});
    CHECK(rule.period == 5s);
    CHECK(rule.most_up == 3);
    CHECK(rule.most_down == 2);
    CHECK(rule.down_after == 20min);
    CHECK(rule.port == 9000);
    CHECK(rule.ready_path == "/health");
    CHECK(rule.ready_within == 15min);
    CHECK(rule.drain == policies::DrainTerms{8s, 5min});
    CHECK(rule.retry == policies::Retry{10s, 5min});
    CHECK(rule.file_sd == "/run/weir/chat.json");
    CHECK(rule.predict == policies::Prediction{"sum(rate(requests[10m]))", 3, 20min});
}

TEST_CASE("what is wrong with a service is told with its place", "[config]") {
    CHECK(errors("services:\n  - {name: chat}\n") == Messages{"f:2: services[0].script: is required",
                                                              "f:2: services[0].user: is required",
                                                              "f:2: services[0].replicas: is required"});
    CHECK(of_service("user_: x").size() == 1);
    CHECK(errors("services:\n" + service("", "9lives"))[0].find("is not a service's name") !=
          std::string::npos);
    CHECK(errors("services:\n  - {name: a, script: r.sh, user: root, replicas: {max: 1}}\n") ==
          Messages{"f:2: services[0].script: \"r.sh\" is not an absolute path",
                   "f:2: services[0]: runs as root: give the service a user of its own"});
    CHECK(errors("services:\n  - {name: a, script: /r, user: u, replicas: {min: 3, max: 2}}\n") ==
          Messages{"f:2: services[0].replicas: has min 3 above max 2"});
    CHECK(
        errors("services:\n  - {name: a, script: /r, user: u, port: 65500, replicas: {max: 30}}\n") ==
        Messages{
            "f:2: services[0]: replicas would listen on ports up to 65560 (port + twice max), which is above "
            "65535"});
    CHECK(of_service("signals: [{query: up, target: 0, gpus_per_unit: 1}]") ==
          Messages{
              "f:7: services[0].signals[0].target: \"0\" is not a number above 0 (as in 4 or 0.25)",
              "f:7: services[0].signals: has a query and no Prometheus to ask: give prometheus: URL here, or "
              "telemetry: {prometheus: URL}"});
    CHECK(of_service("signals: [{target: 1, gpus_per_unit: 1}]") ==
          Messages{"f:7: services[0].signals[0]: needs one of query (PromQL) and url (of a JSON document)"});
    CHECK(
        of_service("signals: [{url: 'http://a/', value: queue, target: 1, gpus_per_unit: 1}]") ==
        Messages{"f:7: services[0].signals[0].value: \"queue\" is not a JSON pointer (as in /queue/length)"});
    CHECK(of_service("period: 100ms").size() == 1);
    CHECK(of_service("ready: {path: health}") ==
          Messages{"f:7: services[0].ready.path: \"health\" is not a path of HTTP (as in /health)"});
    CHECK(of_service("retry: {first: 1h, max: 1m}") ==
          Messages{"f:7: services[0].retry: has first above max"});
    CHECK(of_service("predict: {query: up}").back() == "f:7: services[0].predict.per_replica: is required");
}

TEST_CASE("services do not get in each other's way", "[config]") {
    CHECK(errors("services:\n" + service() + service("", "other", 8020)).empty());
    CHECK(
        errors("services:\n" + service() + service("", "other", 8010)) ==
        Messages{
            "f:10: services[1].port: ports 8011 to 8022 (port + twice max) overlap with those of chat, 8001 "
            "to 8012: replicas of both may stand on one node"});
    CHECK(errors("services:\n" + service() + service("", "chat", 9000)) ==
          Messages{"f:7: services[1].name: \"chat\" is the name of services[0] too"});
    CHECK(errors("services:\n" + service("endpoints: {nginx: /run/a}") +
                 service("endpoints: {nginx: /run/a}", "b", 9000)) ==
          Messages{"f:13: services[1].endpoints: \"/run/a\" is written twice"});
}
