// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/cli/answers.h"

using namespace weir::cli;
using testing::longest_line;
using testing::look;

namespace {

json answer() {
    json answer = json::parse(R"json({"services": [
      {"name": "chat", "mode": "act", "user": "serve", "min": 1, "max": 6, "wanted": 3,
       "why": "raised from 2: waiting is 37, target 4: asks for 1 replica more", "ready": 2, "starting": 1,
       "waiting": 0, "draining": 1, "pinned": null, "pinned_until": null, "predicted": null, "held": "",
       "failure": "", "endpoints": [],
       "signals": [
         {"name": "waiting", "value": 37.0, "target": 4.0, "problem": "", "asks_replicas": 1},
         {"name": "first-token", "value": null, "target": 2.0, "sampled": null,
          "problem": "http://prom:9090/api/v1/query: Connection refused", "asks_replicas": 0}],
       "replicas": [
         {"number": 1, "job": 17, "stage": "ready", "node": "i1", "lent": false, "endpoint": "i1:8001", "why": ""},
         {"number": 2, "job": 18, "stage": "draining", "node": "t12", "lent": true, "endpoint": "t12:8002",
          "why": "its node goes home to train"}],
       "explained": ["3 replicas wanted: raised from 2"]}]})json");
    answer["at"] = 1769860800 - 2;
    answer["services"][0]["signals"][0]["sampled"] = 1769860800 - 4;
    for (json& replica : answer["services"][0]["replicas"]) replica["since"] = 1769860800 - 600;
    return answer;
}

}  // namespace

TEST_CASE("services on 80 columns", "[cli]") {
    CHECK(print_services(answer(), look(80)) ==
          "SERVICE  WANTED  READY  STARTING  WAITING  DRAINING  MIN  MAX\n"
          "chat     3           2         1        0         1    1    6\n"
          "\n"
          "chat\n"
          "  3 wanted: raised from 2: waiting is 37, target 4: asks for 1 replica more\n"
          "  SIGNAL       VALUE  TARGET  AGE  ASKS\n"
          "  waiting         37       4   4s    +1\n"
          "  first-token      -       2    -     -\n"
          "    not heeded: http://prom:9090/api/v1/query: Connection refused\n"
          "  REPLICA  JOB  STAGE     FOR  NODE        ENDPOINT\n"
          "        1  17   ready     10m  i1          i1:8001\n"
          "        2  18   draining  10m  t12 (lent)  t12:8002\n"
          "    its node goes home to train\n");
}

TEST_CASE("a pinned service, one that fails, and one that only advises say so", "[cli]") {
    json services = answer();
    json& chat = services["services"][0];
    chat["pinned"] = 3;
    chat["pinned_until"] = 1769860800 + 3600;
    chat["mode"] = "advise";
    chat["failure"] = "chat-3 (job 19) ended FAILED, exit code 1 before it was ready";
    const std::string text = print_services(services, look(80));
    for (const char* words : {"3 (pinned)", "pinned until 13:00:00", "it only advises",
                              "chat-3 (job 19) ended FAILED, exit code 1 before it was ready"})
        CHECK(text.find(words) != std::string::npos);
    CHECK(longest_line(text) <= 80);
}

TEST_CASE("a service is explained, and what was scaled is told", "[cli]") {
    CHECK(print_explained_service(answer(), look(80)) ==
          "Service chat of serve\n  - 3 replicas wanted: raised from 2\n");
    CHECK(print_scaled({{"service", "chat"}, {"count", 2}, {"until", nullptr}}, look(80)) ==
          "Service chat has 2 replicas; `weir scale chat auto` lets the signals decide\n  again.\n");
    CHECK(print_scaled({{"service", "chat"}, {"count", nullptr}}, look(80)) ==
          "The signals decide again how many replicas chat has.\n");
}
