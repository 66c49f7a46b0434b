// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/cli/answers.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <sstream>

namespace weir::cli::testing {
namespace {

constexpr std::int64_t kNow = 1769860800;  // 2026-01-31 12:00:00 UTC

json rules() {
    return json::parse(R"json([
      {"name": "inference", "reservation": "weir_inference", "mode": "act", "from": ["train"], "to": "inference",
       "own_nodes": 8, "lendable_nodes": 48, "lent_nodes": 2, "vacating_nodes": 1, "owner_idle_nodes": 5,
       "borrower_free_gpus": 3, "wanted_nodes": 3, "waiting_jobs": 4, "held_home": false,
       "held_back": "backoff for another 4m12s", "problem": ""},
      {"name": "night", "reservation": "weir_night", "mode": "advise", "from": ["research", "train"], "to": "batch",
       "own_nodes": 4, "lendable_nodes": 24, "lent_nodes": 0, "vacating_nodes": 0, "owner_idle_nodes": 5,
       "borrower_free_gpus": 0, "wanted_nodes": 1, "waiting_jobs": 1, "held_home": false, "held_back": "",
       "problem": ""},
      {"name": "dev", "reservation": "weir_dev", "mode": "act", "from": ["research"], "to": "dev",
       "own_nodes": 1, "lendable_nodes": 4, "lent_nodes": 0, "vacating_nodes": 0, "owner_idle_nodes": 0,
       "borrower_free_gpus": 0, "wanted_nodes": 0, "waiting_jobs": 0, "held_home": true, "held_back": "",
       "problem": ""},
      {"name": "lost", "reservation": "weir_lost", "mode": "act", "from": ["train"], "to": "lost",
       "own_nodes": 0, "lendable_nodes": 4, "lent_nodes": 0, "vacating_nodes": 0, "owner_idle_nodes": 0,
       "borrower_free_gpus": 0, "wanted_nodes": 0, "waiting_jobs": 0, "held_home": false, "held_back": "",
       "problem": "partition lost has no node of its own; Weir needs at least one, since a Slurm reservation cannot be empty"}
    ])json");
}

}  // namespace

Look look(int width) {
    setenv("TZ", "UTC", 1);
    tzset();
    return {width, false, Time(Duration(kNow))};
}

json status_answer() {
    json status = json::parse(R"json({
      "cluster": "home", "version": "0.1.0", "mode": "act", "paused": false, "paused_by": "", "healthy": true,
      "problem": "", "problem_since": null,
      "cycle": {"number": 4711, "period_seconds": 10.0, "observe_seconds": 0.0041, "decide_seconds": 0.0007},
      "partitions": [
        {"name": "inference", "nodes": 56, "idle_nodes": 12, "lent_nodes": 2, "gpus": 448, "gpus_used": 310,
         "gpus_lent": 16},
        {"name": "train", "nodes": 64, "idle_nodes": 10, "lent_nodes": 2, "gpus": 512, "gpus_used": 400,
         "gpus_lent": 16}]})json");
    status["cycle"]["at"] = kNow - 4;
    status["rules"] = rules();
    return status;
}

json plan_answer() {
    json plan = json::parse(R"json({
      "mode": "act", "paused": false,
      "steps": [
        {"do": "lend t3 t4 to inference",
         "why": "job 1234 waits for 2 nodes with 8 h100 GPUs each; spare: 8 h100 GPUs shall stand ready and 3 do",
         "kind": "set_reservation", "rule": "inference", "nodes": ["i1", "t3", "t4"], "added": ["t3", "t4"],
         "removed": [], "for_jobs": [1234]},
        {"do": "lend r1 to night", "why": "job 1300 waits for 1 node", "kind": "set_reservation", "rule": "night",
         "nodes": ["b1", "r1"], "added": ["r1"], "removed": [], "for_jobs": [1300]},
        {"do": "let job 1234 use reservation weir_inference", "why": "it names no reservation",
         "kind": "name_reservation", "job": 1234, "for_jobs": [1234]}]})json");
    plan["at"] = kNow - 4;
    plan["rules"] = rules();
    return plan;
}

json loans_answer() {
    json loans = json::parse(R"json([
      {"node": "t1", "rule": "inference", "from": "train", "to": "inference",
       "why": "job 17 waits for 1 node with 8 h100 GPUs", "state": "used", "unused_since": null,
       "vacating_since": null, "vacating_why": "", "jobs": ["17_4", "18"]},
      {"node": "t2", "rule": "inference", "from": "train", "to": "inference", "why": "(another user's job)",
       "state": "vacating", "unused_since": null,
       "vacating_why": "job 90 of train has waited 5m and would start on t2 and the 3 idle nodes of train",
       "jobs": ["17_5"]},
      {"node": "t7", "rule": "inference", "from": "train", "to": "inference",
       "why": "spare: 8 h100 GPUs shall stand ready", "state": "unused", "vacating_since": null, "vacating_why": "",
       "jobs": []}])json");
    loans[0]["since"] = kNow - 252;
    loans[1]["since"] = kNow - 2 * 86400 - 7300;
    loans[1]["vacating_since"] = kNow - 12;
    loans[2]["since"] = kNow - 3000;
    loans[2]["unused_since"] = kNow - 310;
    return {{"at", kNow - 4}, {"loans", loans}};
}

json explain_answer() {
    json answer = json::parse(R"json({"jobs": [
      {"job": "17_[5-9]", "user": "alice", "partitions": ["inference"], "state": "PENDING", "reason": "Resources",
       "why": ["it waits for: Resources",
               "Weir would lend t5, t6 and t7 for it, but: the reservation was just written; next change in 4s"]},
      {"job": "17_4", "user": "alice", "partitions": ["inference"], "state": "RUNNING", "reason": "",
       "why": ["it runs on t1, lent by train to inference 4m12s ago: job 17 waits for 1 node with 8 h100 GPUs"]}],
      "more": 3})json");
    answer["at"] = kNow - 4;
    return answer;
}

std::size_t longest_line(const std::string& text) {
    std::size_t longest = 0;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) longest = std::max(longest, columns(line));
    return longest;
}

}  // namespace weir::cli::testing
