// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/cli/answers.h"

using namespace weir::cli;
using testing::longest_line;
using testing::look;

namespace {

constexpr std::int64_t kNow = 1769860800;

json sites_answer() {
    json answer =
        json::parse(R"json({"currency": "USD", "rules": [{"name": "spill", "mode": "advise"}], "sites": [
      {"name": "east", "partition": "east", "state": "closed",
       "problem": "it does not answer its gateway: connection timed out", "throttle": "", "api": "", "answered": null,
       "gpus": [], "next_tariff": null, "vouchers": [], "spent_today": 0.0, "spent_this_month": 0.0,
       "gpu_hours_this_month": 0.0, "failures": 0, "typical_wait_seconds": 0, "nominated": 0, "sent": 0, "waiting": 0,
       "running": 0, "returning": 0},
      {"name": "west", "partition": "west", "state": "throttled", "problem": "",
       "throttle": "3 submissions there have failed lately, so one job at a time goes there",
       "api": "v0.0.38, Slurm 22.05.8", "round_trip_seconds": 0.0013,
       "gpus": [{"type": "a100", "free": 12, "hour": 0.62, "power": 0.02}, {"type": "h100", "free": 0, "hour": null,
                "power": 0.0}],
       "vouchers": [{"name": "zz-2026", "gpu_hours": 5000.0, "used": 120.5, "aside": 64.0, "left": 4815.5}],
       "spent_today": 12.5, "spent_this_month": 310.25, "gpu_hours_this_month": 620.5, "failures": 3,
       "typical_wait_seconds": 95, "nominated": 2, "sent": 1, "waiting": 3, "running": 17, "returning": 1}],
      "budgets": [{"rule": "spill", "today": 12.5, "this_month": 310.25, "aside": 41.0, "per_day": 400.0,
                   "per_month": null}],
      "jobs": [{"job": "17_4", "user": "alice", "site": "west", "stage": "running", "remote_id": 345,
                "remote_user": "w-alice"},
               {"job": "23", "user": "alice", "site": "west", "stage": "nominated"}],
      "hidden": 2})json");
    answer["at"] = kNow - 4;
    answer["sites"][1]["answered"] = kNow - 6;
    answer["sites"][1]["next_tariff"] = kNow + 3600;
    answer["sites"][1]["vouchers"][0]["until"] = kNow + 86400 * 30;
    answer["jobs"][0]["started"] = kNow - 7200;
    answer["jobs"][1]["asked"] = kNow - 12;
    return answer;
}

json comparisons() {
    return json::parse(R"json([{"job": "23", "rule": "spill", "chosen": "",
      "why": "west is better for it, and must be so for another 4m", "places": [
      {"place": "home", "excluded": "", "gpu_type": "h100", "wait_from": "Slurm expects to start it at 12:40",
       "run_seconds": 7200, "done_in_seconds": 9600, "price": 16.0, "voucher_gpu_hours": 0.0, "total": 18.4,
       "at_most": null},
      {"place": "east", "excluded": "user alice has no account there"},
      {"place": "west", "excluded": "", "gpu_type": "a100", "wait_from": "", "run_seconds": 14400,
       "done_in_seconds": 14400, "price": 8.0, "voucher_gpu_hours": 2.0, "total": 11.2, "at_most": 4.0}]}])json");
}

}  // namespace

TEST_CASE("sites on 80 columns", "[cli]") {
    CHECK(print_sites(sites_answer(), look(80)) ==
          "SITE  STATE      FREE GPUS        MAY START  SENT  WAIT  RUN  RETURN  TODAY\n"
          "east  closed     -                        0     0     0    0       0   0.00\n"
          "west  throttled  12 a100, 0 h100          2     1     3   17       1  12.50\n"
          "\n"
          "east\n"
          "  closed: it does not answer its gateway: connection timed out\n"
          "  spent: 0.00 USD today, 0.00 this month, for 0.0 GPU-hours\n"
          "\n"
          "west\n"
          "  held back: 3 submissions there have failed lately, so one job at a time goes\n"
          "    there\n"
          "  answered 6s ago, 1.3 ms away, v0.0.38, Slurm 22.05.8\n"
          "  an hour of a GPU: a100 0.62 USD (0.02 of it power), h100 not for sale; power\n"
          "    has another price from 13:00:00\n"
          "  spent: 12.50 USD today, 310.25 this month, for 620.5 GPU-hours\n"
          "  voucher zz-2026: 4815.5 of 5000.0 GPU-hours left, 64.0 set aside, until\n"
          "    2026-03-02\n"
          "  jobs sent there lately have waited 1m35s\n"
          "  3 submissions failed there lately\n"
          "\n"
          "BUDGET  TODAY      OF  THIS MONTH  OF  SET ASIDE\n"
          "spill   12.50  400.00      310.25   -      41.00\n"
          "Rule spill only advises: it sends no job.\n"
          "\n"
          "JOB   USER   SITE  STAGE      THERE           FOR\n"
          "17_4  alice  west  running    345 of w-alice   2h\n"
          "23    alice  west  nominated  -               12s\n"
          "(2 jobs of others not shown)\n");
}

TEST_CASE("no line about sites is wider than it may be", "[cli]") {
    for (const int width : {80, 160}) {
        CHECK(longest_line(print_sites(sites_answer(), look(width))) <= static_cast<std::size_t>(width));
        CHECK(longest_line(print_comparisons(comparisons(), 3, look(width))) <=
              static_cast<std::size_t>(width));
    }
}

TEST_CASE("what jobs would take here and elsewhere stands side by side", "[cli]") {
    CHECK(print_comparisons(comparisons(), 3, look(80)) ==
          "JOB  PLACE  GPU   DONE IN  PRICE  WITH TIME  AT MOST\n"
          "23   home   h100    2h40m  16.00      18.40        -\n"
          "    Slurm expects to start it at 12:40\n"
          "     east   -           -      -          -        -\n"
          "    not there: user alice has no account there\n"
          "     west   a100       4h   8.00      11.20     4.00\n"
          "    and 2.0 GPU-hours of vouchers\n"
          "    so: west is better for it, and must be so for another 4m\n"
          "(and 3 jobs that may go elsewhere, less urgent)\n");
    json chosen = comparisons();
    chosen[0]["chosen"] = "west";
    CHECK(print_comparisons(chosen, 0, look(80)).find("    so: it may start at west, too\n") !=
          std::string::npos);
    CHECK(print_comparisons(json(), 0, look(80)).empty());
    CHECK(print_comparison(comparisons()[0], "USD", look(80)).starts_with("  USD  PLACE  GPU   DONE IN"));
    CHECK(print_comparison(json(), "USD", look(80)).empty());
}

TEST_CASE("weir status has a line for each site", "[cli]") {
    CHECK(print_site_notes(sites_answer()["sites"], look(80)) ==
          "Site east: closed, it does not answer its gateway: connection timed out; 0 may\n"
          "  start there, 0 wait, 0 run (`weir sites`).\n"
          "Site west: throttled; 2 may start there, 3 wait, 17 run (`weir sites`).\n");
}
