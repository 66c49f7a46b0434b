// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/lend/world.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

Names told(const World& world, std::uint32_t id, const policies::LendRule& rule = small_rule()) {
    const Snapshot snapshot = world.snapshot();
    const Plan plan = policies::lend(snapshot, {rule});
    return policies::explain(snapshot, {rule}, plan, *snapshot.job({id}));
}

}  // namespace

TEST_CASE("a borrower's waiting job is told what is lent for it or what holds it back", "[explain]") {
    World world = small_world();
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.pending(41, "inference", 2, 8);
    auto rule = small_rule();
    CHECK(
        told(world, 41) ==
        Names{"it waits for: Resources", "Weir lends t1 and t2 for it",
              "rule inference: 1 job waits in inference, which has 2 nodes of its own and 0 lent; of 4 nodes "
              "that may be lent 2 are left idle"});
    SECTION("max_lent") {
        rule.max_lent = 1;
        CHECK(told(world, 41, rule)[1] == "Weir may not lend enough for it now: max_lent is 1");
    }
    SECTION("backoff") {
        world.state().lend_after = world.at + 3min;
        CHECK(told(world, 41)[1] == "Weir would lend t1 and t2 for it, but: backoff for another 3m");
    }
    SECTION("nothing idle") {
        world.running(2, "train", {"t1", "t2", "t3"}, 8);
        CHECK(told(world, 41)[1] == "no idle node that Weir may lend would make room for it");
    }
    SECTION("beyond the model") {
        world.jobs[41].job.request.beyond_model = "it asks for alternatives of features";
        CHECK(told(world, 41)[1] == "Weir lends nothing on its behalf: it asks for alternatives of features");
    }
    SECTION("room") {
        world.end(1);
        CHECK(told(world, 41)[1] == "there is room for it now, so Slurm will start it");
    }
}

TEST_CASE("an owner's waiting job is told when lent nodes come home for it", "[explain]") {
    World world = small_world(1);
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 8);
    world.pending(12, "train", 1, 8, 6min);
    CHECK(
        told(world, 12) ==
        Names{"it waits for: Resources", "t1 is on the way home for it", "t1 comes home for it",
              "rule inference: 0 jobs wait in inference, which has 2 nodes of its own and 0 lent; of 1 node "
              "that may be lent 0 are left idle"});
    SECTION("later") {
        world.jobs[12].job.eligible = world.at - 2min;
        CHECK(told(world, 12)[1] ==
              "it has waited 2m; rule inference takes lent nodes back for a job that has waited 5m");
    }
    SECTION("soon anyway") {
        world.jobs[12].job.expected_start = world.at + 1min;
        CHECK(told(world, 12)[1] == "Slurm expects to start it sooner than lent nodes could come home");
    }
    SECTION("never") {
        world.jobs[12].job.request.nodes_min = 2;
        CHECK(told(world, 12)[1] == "no set of lent nodes that may be taken back now would make room for it");
    }
}

TEST_CASE("a job on a lent node is told since when and what comes", "[explain]") {
    World world = small_world(1);
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 8);
    CHECK(told(world, 101) == Names{"it runs on t1, lent by train to inference 1h ago: a test says so"});
    world.pending(12, "train", 1, 8, 6min);
    world.apply(policies::lend(world.snapshot(), {small_rule()}));
    CHECK(told(world, 101)[2] == "it gets notice and will be requeued 2m later");
    world.apply(policies::lend(world.snapshot(), {small_rule()}));
    world.pass(30s);
    CHECK(told(world, 101)[2] == "it was given notice and will be requeued in 1m30s");
    world.jobs[101].job.requeueable = false;
    CHECK(told(world, 101)[2] == "it may run to its end there");
}

TEST_CASE("Weir has nothing to do with other jobs", "[explain]") {
    World world = small_world();
    world.add_nodes("d", 1, {"debug"});
    world.running(1, "train", {"t1"}, 8);
    world.pending(2, "debug", 1, 8);
    CHECK(told(world, 1).empty());
    CHECK(told(world, 2).empty());
}

TEST_CASE("what Weir did to a job is said again as long as it stands in its AdminComment", "[explain]") {
    World world = small_world();
    world.pending(41, "inference", 1, 8).told = "2026-01-31T12:00:00Z: requeued: t1 goes home to train";
    CHECK(told(world, 41).back() ==
          "Weir noted in its AdminComment: 2026-01-31T12:00:00Z: requeued: t1 goes home to train");
}

TEST_CASE("reserves are told with the figures, and a declared checkpoint with what follows", "[explain]") {
    World world = small_world();
    world.running(1, "inference", {"i1", "i2"}, 8);
    Job& job = world.pending(41, "inference", 1, 8);
    job.requeueable = true;
    job.checkpoint = Checkpoint{10, 20s, 10min, 30s};
    auto rule = small_rule();
    rule.keep_idle = 2;
    rule.max_lent = 3;
    rule.spare_gpus = {{"h100", 8}};
    const Names said = told(world, 41, rule);
    CHECK(
        said[2] ==
        "rule inference: 1 job waits in inference, which has 2 nodes of its own and 0 lent; of 4 nodes that "
        "may be lent 2 are left idle; keep_idle is 2; max_lent is 3; spare_gpus of h100 is 8");
    CHECK(said[3] ==
          "it can be told to save and start again within 20s, as its user declared "
          "(--weir-checkpoint); it saves every 10m by itself; a restart takes it 30s");
    world.jobs[41].job.requeueable = false;
    CHECK(told(world, 41, rule)[3].ends_with("; but it may not be requeued any more"));
}
