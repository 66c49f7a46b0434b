// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/cli/answers.h"

using namespace weir::cli;
using testing::longest_line;
using testing::look;
using testing::status_answer;

TEST_CASE("status on 80 columns", "[cli]") {
    CHECK(print_status(status_answer(), look(80)) ==
          "Weir 0.1.0 on cluster home, mode act\n"
          "Cycle 4711 was 4s ago; one is due every 10s (looking 4ms, deciding 1ms).\n"
          "\n"
          "PARTITION  NODES  IDLE  LENT  GPUS IN USE  GPUS LENT\n"
          "inference     56    12     2      310/448         16\n"
          "train         64    10     2      400/512         16\n"
          "\n"
          "RULE       FROM         TO         OWN  LENDABLE  LENT  GO HOME  WAITING  WANTED\n"
          "inference  train        inference    8        48     2        1        4       3\n"
          "night      research,t+  batch        4        24     0        0        1       1\n"
          "dev        research     dev          1         4     0        0        0       0\n"
          "lost       train        lost         0         4     0        0        0       0\n"
          "\n"
          "Rule inference wants 3 more nodes and is held back: backoff for another 4m12s\n"
          "Rule night only advises.\n"
          "Rule dev lends nothing since `weir return`; `weir resume dev` ends that.\n"
          "Rule lost does nothing: partition lost has no node of its own; Weir needs at\n"
          "  least one, since a Slurm reservation cannot be empty\n");
}

TEST_CASE("status on 120 columns", "[cli]") {
    CHECK(print_status(status_answer(), look(120)) ==
          "Weir 0.1.0 on cluster home, mode act\n"
          "Cycle 4711 was 4s ago; one is due every 10s (looking 4ms, deciding 1ms).\n"
          "\n"
          "PARTITION  NODES  IDLE  LENT  GPUS IN USE  GPUS LENT\n"
          "inference     56    12     2      310/448         16\n"
          "train         64    10     2      400/512         16\n"
          "\n"
          "RULE       FROM            TO         OWN  LENDABLE  LENT  GO HOME  WAITING  WANTED\n"
          "inference  train           inference    8        48     2        1        4       3\n"
          "night      research,train  batch        4        24     0        0        1       1\n"
          "dev        research        dev          1         4     0        0        0       0\n"
          "lost       train           lost         0         4     0        0        0       0\n"
          "\n"
          "Rule inference wants 3 more nodes and is held back: backoff for another 4m12s\n"
          "Rule night only advises.\n"
          "Rule dev lends nothing since `weir return`; `weir resume dev` ends that.\n"
          "Rule lost does nothing: partition lost has no node of its own; Weir needs at least one, since a "
          "Slurm reservation cannot\n"
          "  be empty\n");
}

TEST_CASE("status says first that Weir is paused and does not work", "[cli]") {
    json status = status_answer();
    status["mode"] = "advise";
    status["paused"] = true;
    status["paused_by"] = "root";
    status["healthy"] = false;
    status["problem"] =
        "asking slurmctld for its partitions: Unable to contact slurm controller (connect failure)";
    status["problem_since"] = 1769860800 - 252;
    status["rules"] = json::array();
    CHECK(print_status(status, look(80)) ==
          "Weir 0.1.0 on cluster home, mode advise: it changes nothing\n"
          "Paused by root: it plans and explains, and changes nothing until `weir resume`.\n"
          "Not healthy since 11:55:48 (4m12s): asking slurmctld for its partitions: Unable\n"
          "  to contact slurm controller (connect failure); what follows is from before\n"
          "Cycle 4711 was 4s ago; one is due every 10s (looking 4ms, deciding 1ms).\n"
          "\n"
          "PARTITION  NODES  IDLE  LENT  GPUS IN USE  GPUS LENT\n"
          "inference     56    12     2      310/448         16\n"
          "train         64    10     2      400/512         16\n"
          "\n"
          "weir.yaml has no lending rule.\n");
}

TEST_CASE("status before the first cycle says so and nothing else", "[cli]") {
    json status = status_answer();
    status["healthy"] = false;
    status["cluster"] = "";
    status["problem"] =
        "asking slurmctld for its nodes: Unable to contact slurm controller (connect failure)";
    status["cycle"]["at"] = 0;
    CHECK(print_status(status, look(80)) ==
          "Weir 0.1.0, mode act\n"
          "Not healthy: asking slurmctld for its nodes: Unable to contact slurm controller\n"
          "  (connect failure)\n"
          "No cycle yet: nothing is known of the cluster.\n");
}

TEST_CASE("a cycle that is long overdue is told", "[cli]") {
    json status = status_answer();
    status["cycle"]["at"] = 1769860800 - 300;
    const std::string text = print_status(status, look(80));
    CHECK(text.find("\nLate: weirctld has been waiting for slurmctld since, or is stopped\n") !=
          std::string::npos);
}

TEST_CASE("no line of status is wider than the terminal, whatever the names", "[cli]") {
    json status = status_answer();
    const std::string name(64, 'p');
    for (json& partition : status["partitions"]) partition["name"] = name;
    for (json& rule : status["rules"]) {
        rule["name"] = name;
        rule["from"] = {name, name};
        rule["to"] = name;
        rule["lendable_nodes"] = 100000;
    }
    for (const int width : {80, 120, 160})
        CHECK(longest_line(print_status(status, look(width))) <= static_cast<std::size_t>(width));
}

TEST_CASE("status of a weirctld that answers strangely is no crash", "[cli]") {
    CHECK(print_status(json::object(), look(80)).starts_with("Weir , mode unknown\n"));
    CHECK_NOTHROW(print_status(json(), look(80)));
    CHECK_NOTHROW(print_status(json{{"cycle", {{"at", 5}}}, {"rules", 7}, {"partitions", "x"}}, look(80)));
}
