// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/consolidate/moves.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

std::string held_back(const Plan& plan) {
    REQUIRE(!plan.consolidation.goals.empty());
    return plan.consolidation.goals.front().held_back;
}

}  // namespace

TEST_CASE("7, 6 and 7 of 8 GPUs: no node can be emptied, and nothing is moved", "[consolidate]") {
    World world = scattered_world();
    world.pending(41, "train", 1, 8, 5min);
    CHECK(moved(decide(world, moving_rule())).empty());  // 4 GPUs are free, 8 are wanted
}

TEST_CASE("a job that the free GPUs would do for gets room by the fewest moves", "[consolidate]") {
    World world = scattered_world();
    world.pending(41, "train", 1, 3, 5min);
    const Plan plan = decide(world, moving_rule());
    CHECK(plan.consolidation.goals.front().nodes == Names{"t2"});
    CHECK(plan.consolidation.goals.front().moves.size() == 1);
}

TEST_CASE("a whole node comes free for a pending job", "[consolidate]") {
    World world = two_halves();
    const Plan plan = decide(world, moving_rule());
    REQUIRE(plan.consolidation.goals.size() == 1);
    const GoalReport& goal = plan.consolidation.goals.front();
    CHECK(goal.goal == "job_41");
    CHECK(goal.for_job == JobId{41});
    CHECK(goal.gain == GpuSeconds{8 * 3600});
    CHECK(goal.moves.size() == 1);
    CHECK(goal.held_back.empty());
    CHECK(plan.ledger.consolidation.moves.size() == 1);
    CHECK(plan.ledger.consolidation.clearings.size() == 1);
}

TEST_CASE("the price is that of the design", "[consolidate]") {
    World world = two_halves();
    const Plan plan = decide(world, moving_rule());
    // 4 GPUs: 60 s to save, 30 s to be requeued, 30 s to reload; half of the 600 s since the last save at
    // risk; 4 free GPUs at the destination held for 120 s.
    CHECK(plan.consolidation.goals.front().moves.front().price ==
          GpuSeconds{4 * (60 + 30 + 30) + 4 * 600 / 2 + 4 * 120});
}

TEST_CASE("a move that costs more than it is worth is shown and not begun", "[consolidate]") {
    World world = two_halves();
    auto rule = moving_rule();
    rule.min_gain = 100;
    const Plan plan = decide(world, rule);
    CHECK(plan.steps.empty());
    CHECK(held_back(plan).starts_with("no moves that are worth their price (min_gain 100"));
}

TEST_CASE("jobs that failed to move make later ones dearer", "[consolidate]") {
    World world = two_halves();
    world.ledger.consolidation.records = {{"alice", 8, 8}};
    const Plan plan = decide(world, moving_rule());
    CHECK(plan.consolidation.goals.front().moves.front().price ==
          GpuSeconds{4 * (60 + 30 + 30) + 4 * 600 * 9 / 10 + 4 * 120});
}

TEST_CASE("a job whose GPUs are idle goes first", "[consolidate]") {
    World world = two_halves();
    Snapshot snapshot = world.snapshot();
    Plan plan;
    plan.ledger = world.ledger;
    JobUse idle;
    idle.job = JobId{21};
    for (int i = 0; i < 4; ++i) idle.gpus.push_back({"t2", i, Verdict::kIdle, world.at, ""});
    plan.uses = {idle};
    policies::consolidate(snapshot, moving_rule(), false, plan);
    CHECK(moved(plan) == Names{"21: t1"});
}

TEST_CASE("a job that Slurm can start, or will soon, or that has just come, moves nothing", "[consolidate]") {
    World world = two_halves();
    Job& job = world.jobs.at(41).job;
    SECTION("it fits") {
        job.request.gpus_per_node = 4;
        job.request.cpus_per_node = 32;
    }
    SECTION("soon") {
        job.expected_start = world.at + 1min;
    }
    SECTION("young") {
        job.eligible = world.at - 10s;
    }
    SECTION("held by something else") {
        job.waits_for = WaitsFor::kOther;
    }
    SECTION("larger than all that is free") {
        job.request.nodes_min = job.request.nodes_max = 2;
    }
    CHECK(decide(world, moving_rule()).consolidation.goals.empty());
}

TEST_CASE("a lending rule that lacks a node has one emptied, and takes it", "[consolidate]") {
    World world = small_world(3);
    world.running(1, "inference", {"i1"}, 8);
    world.running(2, "inference", {"i2"}, 8);
    world.movable(11, {"t1"}, 2);
    world.movable(12, {"t2"}, 3);
    world.movable(13, {"t3"}, 4);
    world.pending(41, "inference", 1, 8, 5min);
    const std::vector lending{small_rule()};
    const auto rule = moving_rule();
    CHECK(cycle(world, rule, lending) == Names{"hold t1 as weir_clear_inference", "hold t3 as weir_move_11"});
    CHECK(cycle(world, rule, lending) == Names{"have job 11 save and requeue itself"});
    world.requeue(11);
    // Let go and lent in one plan, so that nobody gets between.
    CHECK(cycle(world, rule, lending) ==
          Names{"release weir_clear_inference", "lend t1 to inference", "start job 11 on t3"});
    CHECK(world.jobs.at(41).nodes == Names{"t1"});
    CHECK(cycle(world, rule, lending) == Names{"free job 11 from weir_move_11", "release weir_move_11"});
}

TEST_CASE("two rules that want the same node do not both get it", "[consolidate]") {
    World world = small_world(2);
    world.add_nodes("j", 1, {"chat"});
    world.partitions["chat"].push_back("t1");
    world.partitions["chat"].push_back("t2");
    world.running(1, "inference", {"i1"}, 8);
    world.running(2, "inference", {"i2"}, 8);
    world.running(3, "chat", {"j1"}, 8);
    world.movable(11, {"t1"}, 2);
    world.running(12, "train", {"t2"}, 4);
    world.pending(41, "inference", 1, 8, 5min);
    world.pending(42, "chat", 1, 8, 5min);
    auto inference = small_rule();
    auto chat = small_rule();
    chat.name = "chat";
    chat.to = "chat";
    inference.also = {"chat"};
    chat.also = {"inference"};
    auto rule = moving_rule();
    rule.at_once = 8;
    const Plan plan = decide(world, rule, {inference, chat});
    REQUIRE(plan.ledger.consolidation.clearings.size() == 1);
    CHECK(plan.ledger.consolidation.clearings.front().goal == "inference");
    CHECK(plan.consolidation.goals.size() == 2);
    CHECK(plan.consolidation.goals.back().moves.empty());
}

TEST_CASE("limits hold moves back, and the plan says which", "[consolidate]") {
    World world = two_halves();
    auto rule = moving_rule();
    SECTION("only advised") {
        CHECK(held_back(decide(world, rule, {}, true)) == "consolidation only advises");
    }
    SECTION("other hours") {
        rule.hours = {{0b1111111, 1min, 2min}};
        CHECK(held_back(decide(world, rule)) == "moves begin at other hours only");
    }
    SECTION("an hour's moves are done") {
        rule.per_hour = 1;
        Move past;
        past.job = JobId{99};
        past.begun = world.at - 30min;
        past.ended = world.at - 29min;
        world.ledger.consolidation.past = {past};
        CHECK(held_back(decide(world, rule)) == "1 move began in the last hour (per_hour)");
    }
    SECTION("one is being moved") {
        Move now;
        now.job = JobId{21};
        now.begun = world.at;
        now.from = {"t2"};
        now.to = {"t1"};
        now.goal = "job_99";
        now.asked = world.at;
        world.reserve("weir_move_21", {"t1"});
        world.ledger.consolidation.moves = {now};
        CHECK(decide(world, rule).ledger.consolidation.moves.size() == 1);
    }
}

TEST_CASE("several moves at once go to different nodes", "[consolidate]") {
    World world;
    world.add_nodes("t", 3, {"train"});
    world.movable(11, {"t1"}, 1);
    world.movable(12, {"t1"}, 1);
    world.running(21, "train", {"t2"}, 6);
    world.running(31, "train", {"t3"}, 8);
    world.pending(41, "train", 1, 8, 5min);
    auto rule = moving_rule();
    rule.at_once = 8;
    const Plan plan = decide(world, rule);
    CHECK(plan.consolidation.goals.front().moves.size() == 2);
    CHECK(plan.ledger.consolidation.moves.size() == 1);  // the second follows once the first is there
    CHECK(steps_of<HoldNodes>(plan).size() == 2);        // t1 is cleared, t2 is held
}

TEST_CASE("tidying up empties nodes at its hours, where that makes GPUs usable", "[consolidate]") {
    World world;
    world.add_nodes("t", 3, {"train"});
    world.movable(11, {"t1"}, 2);
    world.running(21, "train", {"t2"}, 6);
    world.running(31, "train", {"t3"}, 8);
    auto rule = moving_rule();
    CHECK(decide(world, rule).consolidation.goals.empty());
    rule.tidy = {{0b1111111, 0min, 24h}};
    const Plan plan = decide(world, rule);
    CHECK(plan.consolidation.fragmented_gpus > 0);
    CHECK(moved(plan) == Names{"11: t2"});
    CHECK(plan.ledger.consolidation.clearings.front().goal == "tidy");
}
