// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/cli/answers.h"

using namespace weir::cli;
using testing::longest_line;
using testing::look;

namespace {

constexpr std::int64_t kNow = 1769860800;  // 2026-01-31 12:00:00 UTC, the time of look()

json answer() {
    json answer = json::parse(R"json({
      "mode": "act", "movable_jobs": 3, "checkpointed_jobs": 5, "fragmented_gpus": 12.5, "hidden": 0,
      "clearings": [
        {"goal": "job_41", "nodes": ["t1", "t2"], "price_gpu_seconds": 900, "gain_gpu_seconds": 57600,
         "why": "job 41 waits for 2 nodes with 8 h100 GPUs each and the free GPUs would do for it, were they together"}],
      "moves": [
        {"job": "11", "user": "alice", "from": ["t1"], "to": ["t3"], "gpus": 2, "stage": "saving",
         "why": "moved so that t1 and t2 have room: job 41 waits for 2 nodes with 8 h100 GPUs each", "failure": "",
         "price_gpu_seconds": 640, "lost_gpu_seconds": 0}],
      "past": [
        {"job": "9_12", "user": "bob", "from": ["t2"], "to": ["t4"], "gpus": 4, "stage": "moved", "why": "moved",
         "failure": "", "price_gpu_seconds": 1200, "lost_gpu_seconds": 288},
        {"job": "8", "user": "carol", "from": ["t1", "t2"], "to": ["t5", "t6"], "gpus": 8, "stage": "failed",
         "why": "moved", "failure": "it did not save and requeue itself within 2m", "price_gpu_seconds": 90000,
         "lost_gpu_seconds": 0}]})json");
    answer["at"] = kNow - 2;
    answer["moves"][0]["begun"] = kNow - 75;
    answer["past"][0]["ended"] = kNow - 3600;
    answer["past"][1]["ended"] = kNow - 86400;
    return answer;
}

}  // namespace

TEST_CASE("moves on 80 columns", "[cli]") {
    CHECK(print_moves(answer(), look(80)) ==
          "5 running jobs declare a checkpoint, 3 may be moved now.\n"
          "Being cleared: t1 and t2 (price 900 GPU-s, gain 16 GPU-h): job 41 waits for 2\n"
          "  nodes with 8 h100 GPUs each and the free GPUs would do for it, were they\n"
          "  together\n"
          "\n"
          "Under way\n"
          "JOB  USER   FROM  TO  GPUS  STAGE   SINCE      PRICE\n"
          "11   alice  t1    t3     2  saving  1m15s  640 GPU-s\n"
          "    moved so that t1 and t2 have room: job 41 waits for 2 nodes with 8 h100 GPUs\n"
          "    each\n"
          "\n"
          "Over\n"
          "ENDED         JOB   USER   FROM   TO     GPUS  OUTCOME       PRICE       LOST\n"
          "11:00:00      9_12  bob    t2     t4        4  moved    1200 GPU-s  288 GPU-s\n"
          "Jan 30 12:00  8     carol  t1,t2  t5,t6     8  failed     25 GPU-h    0 GPU-s\n"
          "    not moved: it did not save and requeue itself within 2m\n");
}

TEST_CASE("moves on 160 columns", "[cli]") {
    CHECK(print_moves(answer(), look(160)) ==
          "5 running jobs declare a checkpoint, 3 may be moved now.\n"
          "Being cleared: t1 and t2 (price 900 GPU-s, gain 16 GPU-h): job 41 waits for 2 nodes with 8 h100 "
          "GPUs "
          "each and the free GPUs would do for it, were they together\n"
          "\n"
          "Under way\n"
          "JOB  USER   FROM  TO  GPUS  STAGE   SINCE      PRICE\n"
          "11   alice  t1    t3     2  saving  1m15s  640 GPU-s\n"
          "    moved so that t1 and t2 have room: job 41 waits for 2 nodes with 8 h100 GPUs each\n"
          "\n"
          "Over\n"
          "ENDED         JOB   USER   FROM   TO     GPUS  OUTCOME       PRICE       LOST\n"
          "11:00:00      9_12  bob    t2     t4        4  moved    1200 GPU-s  288 GPU-s\n"
          "Jan 30 12:00  8     carol  t1,t2  t5,t6     8  failed     25 GPU-h    0 GPU-s\n"
          "    not moved: it did not save and requeue itself within 2m\n");
}

TEST_CASE("where nothing was ever moved, that is told", "[cli]") {
    json none = answer();
    none["clearings"] = none["moves"] = none["past"] = json::array();
    none["movable_jobs"] = 1;
    none["checkpointed_jobs"] = 1;
    CHECK(print_moves(none, look(80)) ==
          "1 running job declares a checkpoint, 1 may be moved now.\n"
          "No job is being moved.\n");
    none["mode"] = "advise";
    none["checkpointed_jobs"] = none["movable_jobs"] = 0;
    CHECK(print_moves(none, look(80)) ==
          "Consolidation only advises. 0 running jobs declare a checkpoint, 0 may be moved\n"
          "  now.\n"
          "No job is being moved.\n");
    none["hidden"] = 2;
    CHECK(print_moves(none, look(80))
              .ends_with("No job is being moved.\n(2 moves of others' jobs not shown)\n"));
    none.erase("at");
    CHECK(print_moves(none, look(80)) == "weirctld has not seen slurmctld yet (see `weir status`)\n");
}

TEST_CASE("a move that is being taken back says why", "[cli]") {
    json off = answer();
    off["clearings"] = off["past"] = json::array();
    off["moves"][0]["stage"] = "undoing";
    off["moves"][0]["failure"] = "t3 does not take jobs any more";
    const std::string text = print_moves(off, look(80));
    CHECK(text.find("  undoing  1m15s  640 GPU-s\n    not moved: t3 does not take jobs any more\n") !=
          std::string::npos);
    CHECK(text.find("moved so that") == std::string::npos);
}

TEST_CASE("of many moves that are over the last twenty are shown", "[cli]") {
    json many = answer();
    many["moves"] = many["clearings"] = json::array();
    json one = many["past"][0];
    many["past"] = json::array();
    for (int i = 0; i < 23; ++i) {
        one["job"] = std::to_string(100 + i);
        many["past"].push_back(one);
    }
    const std::string text = print_moves(many, look(80));
    CHECK(text.find("  102 ") == std::string::npos);
    CHECK(text.find("  103 ") != std::string::npos);
    CHECK(text.find("  122 ") != std::string::npos);
    CHECK(text.ends_with("(3 older moves with --json)\n"));
}

TEST_CASE("no line of moves is wider than the terminal", "[cli]") {
    json wide = answer();
    const std::string name(64, 'n');
    json nodes = json::array();
    for (int i = 0; i < 12; ++i) nodes.push_back(name + std::to_string(i));
    wide["clearings"][0]["nodes"] = nodes;
    wide["moves"][0]["user"] = wide["past"][0]["user"] = name;
    for (json* move : {&wide["moves"][0], &wide["past"][0], &wide["past"][1]}) {
        (*move)["from"] = (*move)["to"] = nodes;
        (*move)["why"] = "moved so that " + name + name + name + " has room";
        (*move)["gpus"] = 96;
    }
    wide["past"][1]["failure"] = name + name + name;
    for (const int width : {80, 120, 160}) {
        CAPTURE(width);
        CHECK(longest_line(print_moves(wide, look(width))) <= static_cast<std::size_t>(width));
    }
}

TEST_CASE("an answer that lacks what a move has is shown as far as it goes", "[cli]") {
    json bare = {{"at", kNow},
                 {"moves", {json::object(), 7}},
                 {"past", {json::object(), nullptr}},
                 {"clearings", {1}}};
    CHECK(longest_line(print_moves(bare, look(80))) <= 80);
}

TEST_CASE("how consolidation stands is one sentence, and none where it is not configured", "[cli]") {
    const json note = {
        {"mode", "act"}, {"moves", 1}, {"wanted", 2}, {"movable_jobs", 3}, {"fragmented_gpus", 12.4}};
    CHECK(print_consolidation_note(note, look(80)) ==
          "Consolidation: 1 job is being moved, 2 wants (see `weir plan`); 12 free GPUs too\n"
          "  scattered to use.\n");
    CHECK(print_consolidation_note(
              {{"mode", "advise"}, {"moves", 0}, {"wanted", 0}, {"fragmented_gpus", 0.0}}, look(80)) ==
          "Consolidation (advises): 0 jobs are being moved; 0 free GPUs too scattered to\n"
          "  use.\n");
    CHECK(print_consolidation_note(nullptr, look(80)).empty());
    json status = testing::status_answer();
    status["consolidation"] = note;
    CHECK(print_status(status, look(80)).find("\nConsolidation: 1 job is being moved, ") !=
          std::string::npos);
    CHECK(longest_line(print_status(status, look(80))) <= 80);
}
