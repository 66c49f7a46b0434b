// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/consolidate/moves.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

// t1 has 5 GPUs free and t2 has 3; job 41 wants 6 on one node, so job 11 with 1 GPU would have to leave t1.
World one_move() {
    World world;
    world.add_nodes("t", 2, {"train"});
    world.movable(11, {"t1"}, 1);
    world.running(12, "train", {"t1"}, 2);
    world.running(21, "train", {"t2"}, 5);
    world.pending(41, "train", 1, 6, 5min);
    return world;
}

const Move& only_move(const World& world) {
    REQUIRE(world.ledger.consolidation.moves.size() == 1);
    return world.ledger.consolidation.moves.front();
}

const Move& last_past(const World& world) {
    REQUIRE(!world.ledger.consolidation.past.empty());
    return world.ledger.consolidation.past.back();
}

void nothing_left(const World& world) {
    CHECK(world.reservations.empty());
    CHECK(world.ledger.consolidation.moves.empty());
    for (const auto& [id, entry] : world.jobs) CHECK(entry.job.reservation.empty());
}

}  // namespace

TEST_CASE("a job is moved stage by stage, and the waiting job starts", "[consolidate]") {
    World world = one_move();
    const auto rule = moving_rule();
    CHECK(cycle(world, rule) == Names{"hold t1 as weir_clear_job_41", "hold t2 as weir_move_11"});
    CHECK(cycle(world, rule) == Names{"have job 11 save and requeue itself"});
    CHECK(only_move(world).stage == MoveStage::kSave);
    CHECK(cycle(world, rule).empty());  // it is saving
    world.requeue(11);
    CHECK(cycle(world, rule) == Names{"release weir_clear_job_41", "start job 11 on t2"});
    CHECK(world.jobs.at(11).nodes == Names{"t2"});
    CHECK(world.jobs.at(41).nodes == Names{"t1"});
    CHECK(cycle(world, rule) == Names{"free job 11 from weir_move_11", "release weir_move_11"});
    CHECK(cycle(world, rule).empty());
    nothing_left(world);
    CHECK(last_past(world).failure.empty());
    CHECK(last_past(world).lost() == Gpus{1} * (*last_past(world).started - *last_past(world).asked));
    CHECK(world.ledger.consolidation.records == std::vector<MoveRecord>{{"alice", 1, 0}});
}

TEST_CASE("a job that does not save in time runs on and is left alone for the cooldown", "[consolidate]") {
    World world = one_move();
    auto rule = moving_rule();
    rule.cooldown = 30min;
    cycle(world, rule);
    cycle(world, rule);
    world.pass(80s);
    cycle(world, rule);
    cycle(world, rule);
    cycle(world, rule);
    nothing_left(world);
    CHECK(last_past(world).failure == "it did not save and requeue itself within 1m");
    CHECK(world.jobs.at(11).job.state == JobState::kRunning);
    CHECK(world.ledger.consolidation.records == std::vector<MoveRecord>{{"alice", 1, 1}});
    for (int i = 0; i < 100; ++i) CHECK(cycle(world, rule).empty());
    world.pass(30min);
    CHECK(!cycle(world, rule).empty());
}

TEST_CASE("a job that ends instead of being requeued ends the move", "[consolidate]") {
    World world = one_move();
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    world.end(11);
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    CHECK(last_past(world).failure == "it ended instead of being requeued");
    CHECK(!last_past(world).blameless);
    nothing_left(world);
}

TEST_CASE("a job that ended between two looks where it was moved to has been moved", "[consolidate]") {
    World world = one_move();
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    world.requeue(11);
    cycle(world, moving_rule());
    world.end(11);
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    CHECK(last_past(world).failure.empty());
    CHECK(world.ledger.consolidation.records == std::vector<MoveRecord>{{"alice", 1, 0}});
    nothing_left(world);
}

TEST_CASE("a job that was not asked yet stays when nobody waits any more", "[consolidate]") {
    World world = one_move();
    cycle(world, moving_rule());
    world.end(41);
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    nothing_left(world);
    CHECK(last_past(world).failure == "it is no longer needed");
    CHECK(world.ledger.consolidation.records.empty());
}

TEST_CASE("when the destination dies a job that has not been asked stays", "[consolidate]") {
    World world = one_move();
    cycle(world, moving_rule());
    world.nodes.at("t2").state = NodeState::kDown;
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    CHECK(last_past(world).failure == "t2 does not take jobs any more");
    CHECK(world.jobs.at(11).nodes == Names{"t1"});
    nothing_left(world);
}

TEST_CASE("when the destination dies a requeued job is freed to start anywhere", "[consolidate]") {
    World world = one_move();
    world.add_nodes("u", 1, {"train"});
    world.running(51, "train", {"u1"}, 8);
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    world.requeue(11);
    world.nodes.at("t2").gpus.front().total = 3;  // no room there: Slurm lets it wait
    cycle(world, moving_rule());
    CHECK(world.jobs.at(11).job.reservation == "weir_move_11");
    world.nodes.at("t2").state = NodeState::kDown;
    world.end(51);
    cycle(world, moving_rule());
    CHECK(world.jobs.at(11).nodes == Names{"u1"});
    cycle(world, moving_rule());
    CHECK(last_past(world).failure == "t2 does not take jobs any more");
    CHECK(last_past(world).started);
}

TEST_CASE("a job that its user holds after it was requeued is let go", "[consolidate]") {
    World world = one_move();
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    world.requeue(11);
    world.jobs.at(11).job.held = true;
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    CHECK(world.jobs.at(11).job.reservation.empty());
    CHECK(!world.reservations.contains("weir_move_11"));
    CHECK(world.jobs.at(11).job.held);
}

TEST_CASE("a job that Slurm started before it could be told where is left there", "[consolidate]") {
    World world = one_move();
    world.add_nodes("u", 1, {"train"});
    world.running(51, "train", {"u1"}, 8);
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    world.end(51);
    world.end(11);
    world.movable(11, {"u1"}, 1, 1s).restarts = 1;
    cycle(world, moving_rule());
    cycle(world, moving_rule());
    CHECK(last_past(world).failure == "Slurm started it on u1 before it could be told where");
    CHECK(world.jobs.at(11).nodes == Names{"u1"});
}

TEST_CASE("what nothing explains is taken away", "[consolidate]") {
    World world = one_move();
    world.end(41);
    world.reserve("weir_move_11", {"t2"});
    world.reserve("weir_clear_tidy", {"t1"});
    world.jobs.at(11).job.reservation = "weir_move_11";
    Plan plan;
    plan.ledger = world.ledger;
    policies::consolidate(world.snapshot(), std::nullopt, false, plan);
    // Released only once no job names it: a step later, or in the next cycle.
    CHECK(texts(plan) ==
          Names{"release weir_clear_tidy", "release weir_move_11", "free job 11 from weir_move_11"});
}

TEST_CASE("without a rule moves under way are ended in order", "[consolidate]") {
    World world = one_move();
    cycle(world, moving_rule());
    for (int i = 0; i < 3; ++i) {
        Plan plan;
        plan.ledger = world.ledger;
        policies::consolidate(world.snapshot(), std::nullopt, false, plan);
        world.apply(plan);
        world.pass(10s);
    }
    nothing_left(world);
}
