// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/cli/answers.h"

using namespace weir::cli;
using testing::longest_line;
using testing::look;
using testing::plan_answer;

TEST_CASE("a plan on 80 columns tells what is done apart from what is only advised", "[cli]") {
    CHECK(print_plan(plan_answer(), look(80)) ==
          "Plan of 11:59:56, 4s ago; mode act\n"
          "\n"
          "Weir takes these steps now:\n"
          "  1. lend t3 t4 to inference\n"
          "       job 1234 waits for 2 nodes with 8 h100 GPUs each; spare: 8 h100 GPUs\n"
          "       shall stand ready and 3 do\n"
          "  2. let job 1234 use reservation weir_inference\n"
          "       it names no reservation\n"
          "\n"
          "Weir would take these steps for rules that only advise:\n"
          "  1. lend r1 to night\n"
          "       job 1300 waits for 1 node\n"
          "\n"
          "Rule inference wants 3 more nodes and is held back: backoff for another 4m12s\n"
          "Rule dev lends nothing since `weir return`; `weir resume dev` ends that.\n"
          "Rule lost does nothing: partition lost has no node of its own; Weir needs at\n"
          "  least one, since a Slurm reservation cannot be empty\n");
}

TEST_CASE("a plan on 120 columns", "[cli]") {
    CHECK(print_plan(plan_answer(), look(120)) ==
          "Plan of 11:59:56, 4s ago; mode act\n"
          "\n"
          "Weir takes these steps now:\n"
          "  1. lend t3 t4 to inference\n"
          "       job 1234 waits for 2 nodes with 8 h100 GPUs each; spare: 8 h100 GPUs shall stand ready and "
          "3 do\n"
          "  2. let job 1234 use reservation weir_inference\n"
          "       it names no reservation\n"
          "\n"
          "Weir would take these steps for rules that only advise:\n"
          "  1. lend r1 to night\n"
          "       job 1300 waits for 1 node\n"
          "\n"
          "Rule inference wants 3 more nodes and is held back: backoff for another 4m12s\n"
          "Rule dev lends nothing since `weir return`; `weir resume dev` ends that.\n"
          "Rule lost does nothing: partition lost has no node of its own; Weir needs at least one, since a "
          "Slurm reservation cannot\n"
          "  be empty\n");
}

TEST_CASE("a plan in mode advise or paused is told as what would be done", "[cli]") {
    json plan = plan_answer();
    plan["mode"] = "advise";
    plan["steps"] = {plan["steps"][1]};
    plan["rules"] = {plan["rules"][1]};
    CHECK(print_plan(plan, look(80)) ==
          "Plan of 11:59:56, 4s ago; mode advise\n"
          "\n"
          "Weir would take these steps in mode act:\n"
          "  1. lend r1 to night\n"
          "       job 1300 waits for 1 node\n");
    plan["mode"] = "act";
    plan["paused"] = true;
    plan["rules"][0]["mode"] = "act";
    CHECK(print_plan(plan, look(80)) ==
          "Plan of 11:59:56, 4s ago; mode act, paused: nothing is changed until\n"
          "  `weir resume`\n"
          "\n"
          "Weir would take these steps, were it not paused:\n"
          "  1. lend r1 to night\n"
          "       job 1300 waits for 1 node\n");
}

TEST_CASE("a step that names no rule belongs to the rule of its reservation", "[cli]") {
    json plan = plan_answer();
    plan["steps"] = {plan["steps"][2]};
    plan["rules"] = {plan["rules"][0]};
    plan["rules"][0]["held_back"] = "";
    plan["rules"][0]["mode"] = "advise";
    CHECK(print_plan(plan, look(80)) ==
          "Plan of 11:59:56, 4s ago; mode act\n"
          "\n"
          "Weir would take these steps for rules that only advise:\n"
          "  1. let job 1234 use reservation weir_inference\n"
          "       it names no reservation\n");
}

TEST_CASE("a plan without a step says so", "[cli]") {
    json plan = plan_answer();
    plan["steps"] = json::array();
    plan["rules"] = json::array();
    CHECK(print_plan(plan, look(80)) == "Plan of 11:59:56, 4s ago; mode act\nThere is nothing to do.\n");
    plan["mode"] = "advise";
    CHECK(print_plan(plan, look(80)) ==
          "Plan of 11:59:56, 4s ago; mode advise\nThere would be nothing to do.\n");
}

TEST_CASE("an old plan says that it is old, and none that there is none", "[cli]") {
    json plan = plan_answer();
    plan["steps"] = json::array();
    plan["rules"] = json::array();
    plan["at"] = 1769860800 - 252;
    CHECK(print_plan(plan, look(80)) ==
          "As seen at 11:55:48, 4m12s ago: weirctld has not seen slurmctld since (see\n"
          "  `weir status`)\n"
          "Plan of 11:55:48, 4m12s ago; mode act\n"
          "There is nothing to do.\n");
    plan["at"] = 0;
    CHECK(print_plan(plan, look(80)) == "weirctld has not seen slurmctld yet (see `weir status`)\n");
}

TEST_CASE("what moves could bring about is told below the steps, with their price", "[cli]") {
    json plan = plan_answer();
    plan["rules"] = json::array();
    plan["consolidate"] = "act";
    plan["steps"] = {{{"do", "hold t3 as weir_move_11"},
                      {"why", "moved so that t1 has room: job 41 waits for 1 node with 8 h100 GPUs"},
                      {"kind", "hold_nodes"},
                      {"rule", "consolidate"},
                      {"nodes", {"t3"}}}};
    plan["goals"] = json::parse(R"json([
      {"goal": "job_41", "why": "job 41 waits for 1 node with 8 h100 GPUs and the free GPUs would do for it, were they together",
       "nodes": ["t1"], "under_way": false, "held_back": "", "price_gpu_seconds": 640, "gain_gpu_seconds": 28800,
       "moves": [{"job": "11", "from": ["t1"], "to": ["t3"], "price_gpu_seconds": 400},
                 {"job": "12_7", "from": ["t1"], "to": ["t2"], "price_gpu_seconds": 240}]},
      {"goal": "job_42", "why": "job 42 waits for 2 nodes with 8 h100 GPUs each and the free GPUs would do for it, were they together",
       "nodes": [], "under_way": false, "held_back": "none of the jobs that declare a checkpoint may be moved now",
       "price_gpu_seconds": 0, "gain_gpu_seconds": 57600, "moves": []}])json");
    CHECK(print_plan(plan, look(80)) ==
          "Plan of 11:59:56, 4s ago; mode act\n"
          "\n"
          "Weir takes these steps now:\n"
          "  1. hold t3 as weir_move_11\n"
          "       moved so that t1 has room: job 41 waits for 1 node with 8 h100 GPUs\n"
          "\n"
          "What moving jobs could bring about:\n"
          "t1: job 41 waits for 1 node with 8 h100 GPUs and the free GPUs would do for it,\n"
          "  were they together\n"
          "  price 640 GPU-s, gain 8 GPU-h\n"
          "  job 11 from t1 to t3, price 400 GPU-s\n"
          "  job 12_7 from t1 to t2, price 240 GPU-s\n"
          "job 42 waits for 2 nodes with 8 h100 GPUs each and the free GPUs would do for\n"
          "  it, were they together\n"
          "  not now: none of the jobs that declare a checkpoint may be moved now\n");
    plan["consolidate"] = "advise";
    plan["goals"] = json::array();
    CHECK(print_plan(plan, look(80)) ==
          "Plan of 11:59:56, 4s ago; mode act\n"
          "\n"
          "Weir would take these steps for rules that only advise:\n"
          "  1. hold t3 as weir_move_11\n"
          "       moved so that t1 has room: job 41 waits for 1 node with 8 h100 GPUs\n");
}

TEST_CASE("no line of a plan is wider than the terminal", "[cli]") {
    json plan = plan_answer();
    const std::string name(64, 'p');
    plan["steps"][0]["do"] = "lend " + name + name + " to " + name;
    plan["steps"][0]["why"] = name + name + name;
    for (const int width : {80, 120, 160})
        CHECK(longest_line(print_plan(plan, look(width))) <= static_cast<std::size_t>(width));
}
