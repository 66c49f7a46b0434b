// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/cli/answers.h"

using namespace weir::cli;
using testing::explain_answer;
using testing::loans_answer;
using testing::longest_line;
using testing::look;
using testing::status_answer;

TEST_CASE("loans on 80 columns", "[cli]") {
    CHECK(print_loans(loans_answer(), look(80)) ==
          "NODE  RULE       FROM   LENT SINCE           STATE           JOBS\n"
          "t1    inference  train  11:55:48 (4m12s)     in use          17_4 18\n"
          "    lent: job 17 waits for 1 node with 8 h100 GPUs\n"
          "t2    inference  train  Jan 29 09:58 (2d2h)  going home 12s  17_5\n"
          "    lent: (another user's job)\n"
          "    going home: job 90 of train has waited 5m and would start on t2 and the 3\n"
          "    idle nodes of train\n"
          "t7    inference  train  11:10:00 (50m)       unused 5m10s\n"
          "    lent: spare: 8 h100 GPUs shall stand ready\n");
}

TEST_CASE("loans on 120 columns", "[cli]") {
    CHECK(
        print_loans(loans_answer(), look(120)) ==
        "NODE  RULE       FROM   LENT SINCE           STATE           JOBS\n"
        "t1    inference  train  11:55:48 (4m12s)     in use          17_4 18\n"
        "    lent: job 17 waits for 1 node with 8 h100 GPUs\n"
        "t2    inference  train  Jan 29 09:58 (2d2h)  going home 12s  17_5\n"
        "    lent: (another user's job)\n"
        "    going home: job 90 of train has waited 5m and would start on t2 and the 3 idle nodes of train\n"
        "t7    inference  train  11:10:00 (50m)       unused 5m10s\n"
        "    lent: spare: 8 h100 GPUs shall stand ready\n");
}

TEST_CASE("no loans are told in a sentence", "[cli]") {
    json loans = loans_answer();
    loans["loans"] = json::array();
    CHECK(print_loans(loans, look(80)) == "Nothing is lent.\n");
}

TEST_CASE("a loan of many jobs and long names stays on its line", "[cli]") {
    json loans = loans_answer();
    loans["loans"][0]["node"] = std::string(64, 'n');
    loans["loans"][0]["from"] = std::string(64, 'p');
    for (int job = 0; job < 60; ++job) loans["loans"][1]["jobs"].push_back(std::to_string(100000 + job));
    for (const int width : {80, 120, 160})
        CHECK(longest_line(print_loans(loans, look(width))) <= static_cast<std::size_t>(width));
}

TEST_CASE("an explanation on 80 columns", "[cli]") {
    CHECK(print_explain(explain_answer(), look(80)) ==
          "Job 17_[5-9] of alice, pending in inference\n"
          "  - it waits for: Resources\n"
          "  - Weir would lend t5, t6 and t7 for it, but: the reservation was just written;\n"
          "    next change in 4s\n"
          "\n"
          "Job 17_4 of alice, running in inference\n"
          "  - it runs on t1, lent by train to inference 4m12s ago: job 17 waits for 1 node\n"
          "    with 8 h100 GPUs\n"
          "\n"
          "And 3 more jobs; name one of them alone, as in 17_4.\n");
}

TEST_CASE("an explanation on 120 columns", "[cli]") {
    CHECK(
        print_explain(explain_answer(), look(120)) ==
        "Job 17_[5-9] of alice, pending in inference\n"
        "  - it waits for: Resources\n"
        "  - Weir would lend t5, t6 and t7 for it, but: the reservation was just written; next change in 4s\n"
        "\n"
        "Job 17_4 of alice, running in inference\n"
        "  - it runs on t1, lent by train to inference 4m12s ago: job 17 waits for 1 node with 8 h100 GPUs\n"
        "\n"
        "And 3 more jobs; name one of them alone, as in 17_4.\n");
}

TEST_CASE("an order says what it brings about", "[cli]") {
    CHECK(print_pause(look(80)) ==
          "Weir is paused: it plans and explains, and changes nothing until `weir resume`.\n");
    json done{{"done", "resume"}, {"paused", false}, {"held_home", json::array()}};
    CHECK(print_resume(done, look(80)) == "Weir is not paused, and every rule may lend.\n");
    done["held_home"] = {"a"};
    CHECK(print_resume(done, look(80)) ==
          "Weir is not paused. Since `weir return`, what a has lent comes home and stays\n"
          "  there; `weir resume a` lets it lend again.\n");
    done["paused"] = true;
    done["held_home"] = json::array();
    CHECK(print_resume(done, look(80)) == "Weir is still paused; `weir resume` without a name ends that.\n");
    CHECK(print_return({}, status_answer(), look(80)) ==
          "What every rule has lent comes home and stays there until `weir resume`;\n"
          "  `weir loans` shows what is on its way.\n");
}

TEST_CASE("a return that cannot take place says so", "[cli]") {
    json status = status_answer();
    status["paused"] = true;
    status["paused_by"] = "root";
    status["rules"][0]["mode"] = "advise";
    CHECK(print_return({"inference"}, status, look(80)) ==
          "What inference has lent comes home and stays there until\n"
          "  `weir resume inference`; `weir loans` shows what is on its way.\n"
          "But Weir is paused by root: nothing comes home before `weir resume` ends that.\n"
          "But inference only advises: its reservation stays as it is until an\n"
          "  administrator deletes it.\n");
    CHECK_NOTHROW(print_return({"inference"}, json(), look(80)));
}
