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

TEST_CASE("only jobs that may be moved are", "[consolidate]") {
    World world = two_halves();
    auto rule = moving_rule();
    Job& other = world.jobs.at(21).job;
    other.checkpoint.reset();  // leaves job 11 alone
    Job& job = world.jobs.at(11).job;
    const auto why = [&] {
        const Snapshot snapshot = world.snapshot();
        Plan plan = decide(world, rule);
        CHECK(moved(plan).empty());
        return policies::explain_moves(snapshot, rule, true, plan, *snapshot.job(JobId{11})).back();
    };
    REQUIRE(moved(decide(world, rule)) == Names{"11: t2"});
    SECTION("no checkpoint") {
        job.checkpoint.reset();
        CHECK(why() == "Weir does not move it: its user declared no checkpoint (sbatch --weir-checkpoint)");
        CHECK(held_back(decide(world, rule)) ==
              "no running job declares a checkpoint (sbatch --weir-checkpoint)");
    }
    SECTION("not requeueable") {
        job.requeueable = false;
        CHECK(why().ends_with("it may not be requeued (--no-requeue, or JobRequeue in slurm.conf)"));
    }
    SECTION("pinned by its user") {
        job.request.nodes_required = {"t1"};
        CHECK(why().ends_with("its user names the nodes it runs on"));
    }
    SECTION("in a reservation") {
        job.reservation = "school";
        CHECK(why().ends_with("it runs in reservation school"));
    }
    SECTION("suspended") {
        job.suspended = true;
        CHECK(why().ends_with("it is suspended"));
    }
    SECTION("young") {
        job.started = world.at - 30s;
        CHECK(why().ends_with("it has run for less than 1m"));
    }
    SECTION("about to end") {
        job.time_limit = 62min;
        CHECK(why().ends_with("it ends so soon that a move would not pay"));
    }
    SECTION("forbidden by user") {
        rule.exempt_users = {"alice"};
        CHECK(why().ends_with("user alice is exempt"));
    }
    SECTION("forbidden by account") {
        rule.exempt_accounts = {"lab"};
        CHECK(why().ends_with("account lab is exempt"));
    }
    SECTION("forbidden by partition") {
        rule.exempt_partitions = {"train"};
        CHECK(why().ends_with("partition train is exempt"));
    }
    SECTION("too large") {
        rule.max_gpus = 3;
        CHECK(why().ends_with("it holds more than 3 GPUs (max_gpus)"));
    }
    SECTION("a constraint that the model cannot express") {
        job.request.beyond_model = "its constraint offers alternatives";
        CHECK(why().ends_with("its constraint offers alternatives"));
    }
}

TEST_CASE("a job goes only where its request lets it", "[consolidate]") {
    World world = two_halves();
    world.jobs.at(21).job.checkpoint.reset();
    Job& job = world.jobs.at(11).job;
    REQUIRE(moved(decide(world, moving_rule())) == Names{"11: t2"});
    SECTION("a feature") {
        job.request.features = {"ib"};
        world.nodes.at("t1").features = {"ib"};
    }
    SECTION("a node it excludes") {
        job.request.nodes_excluded = {"t2"};
    }
    SECTION("another type of GPU") {
        world.nodes.at("t2").gpus.front().type = "a100";
    }
    SECTION("memory") {
        job.memory = 100 * 1024;
        world.nodes.at("t2").memory = 50 * 1024;
    }
    SECTION("CPUs") {
        world.nodes.at("t2").cpus = 40;
    }
    SECTION("a reservation of others") {
        world.nodes.at("t2").reservation = "school";
    }
    SECTION("a node that drains") {
        world.nodes.at("t2").state = NodeState::kDraining;
    }
    SECTION("a node that backfill has planned") {
        world.nodes.at("t2").planned = true;
    }
    SECTION("another partition") {
        world.partitions["train"] = {"t1"};
        world.partitions["other"] = {"t2"};
        world.jobs.at(21).partitions = {"other"};
    }
    CHECK(moved(decide(world, moving_rule())).empty());
}

TEST_CASE("GPUs that are farther from each other are no place for a job", "[consolidate]") {
    World world = two_halves();
    world.jobs.at(21).job.checkpoint.reset();
    const std::string near(28, '5');
    const std::string far(28, '1');
    Snapshot snapshot = world.snapshot();
    for (int i = 0; i < 4; ++i) {
        GpuUse use;
        use.job = JobId{11};
        use.index = i;
        snapshot.gpu_uses.push_back(use);
    }
    const auto places = [&](const std::string& here, const std::string& there, int max_worse) {
        snapshot.nodes[0].pairs = GpuPairs(here);
        snapshot.nodes[1].pairs = GpuPairs(there);
        auto rule = moving_rule();
        rule.max_worse = max_worse;
        Plan plan;
        policies::consolidate(snapshot, rule, false, plan);
        return moved(plan).size();
    };
    CHECK(places(near, near, 0) == 1);
    CHECK(places(near, far, 0) == 0);
    CHECK(places(near, far, 4) == 1);
    CHECK(places(far, near, 0) == 1);
    CHECK(places("", far, 0) == 1);   // nothing is known to be lost
    CHECK(places(near, "", 0) == 0);  // something might be
}

TEST_CASE("a job of two nodes gets two", "[consolidate]") {
    World world;
    world.add_nodes("t", 4, {"train"});
    for (std::uint32_t i = 1; i <= 4; ++i) world.movable(10 + i, {"t" + std::to_string(i)}, 4);
    world.pending(41, "train", 2, 8, 5min);
    const Plan plan = decide(world, moving_rule());
    REQUIRE(plan.consolidation.goals.size() == 1);
    CHECK(plan.consolidation.goals.front().nodes.size() == 2);
    CHECK(plan.consolidation.goals.front().moves.size() == 2);
    CHECK(plan.ledger.consolidation.moves.size() == 1);  // at_once
}

TEST_CASE("a job that wants one block is given nodes of one", "[consolidate]") {
    World world;
    world.add_nodes("t", 4, {"train"});
    for (std::uint32_t i = 1; i <= 4; ++i) {
        world.movable(10 + i, {"t" + std::to_string(i)}, i == 2 || i == 3 ? 1 : 4);
        world.nodes.at("t" + std::to_string(i)).block = i <= 2 ? "b1" : "b2";
    }
    world.add_nodes("u", 1, {"train"});
    world.running(51, "train", {"u1"}, 6);
    world.pending(41, "train", 2, 8, 5min);
    const auto nodes = [&] { return decide(world, moving_rule()).consolidation.goals.at(0).nodes; };
    CHECK(nodes() == Names{"t2", "t3"});
    world.jobs.at(41).job.request.one_block = true;
    const Names one = nodes();
    CHECK((one == Names{"t1", "t2"} || one == Names{"t3", "t4"} || one.empty()));
}

TEST_CASE("a job of several nodes is moved with its parts, within its block", "[consolidate]") {
    World world;
    world.add_nodes("t", 6, {"train"});
    for (int i = 1; i <= 6; ++i) world.nodes.at("t" + std::to_string(i)).block = i <= 4 ? "b1" : "b2";
    world.movable(11, {"t1", "t2"}, 2);
    world.running(31, "train", {"t3"}, 6);
    world.running(41, "train", {"t4"}, 6);
    world.running(51, "train", {"t5"}, 6);
    world.running(61, "train", {"t6"}, 6);
    world.pending(71, "train", 2, 8, 5min);
    const Plan plan = decide(world, moving_rule());
    CHECK(moved(plan) == Names{"11: t3 t4"});
}
