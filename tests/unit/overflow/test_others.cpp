// SPDX-License-Identifier: GPL-2.0-or-later
// The other policies leave gateways, and the jobs on them, alone.
#include <catch2/catch.hpp>

#include "policies/consolidate/consolidate.h"
#include "policies/idle/idle.h"
#include "policies/lend/lend.h"
#include "tests/unit/overflow/scene.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

// Half a job on each of two gateway nodes, which could be moved together, were they nodes of this cluster.
Scene with_runs() {
    Scene scene;
    for (std::uint32_t id = 1; id <= 2; ++id) {
        Job& job = scene.job(id);
        job.checkpoint = Checkpoint{10, 60s, 600s, 30s};
        scene.start(id, "w" + std::to_string(id));
        job.started = scene.world.at - 1h;
        job.time_limit = 48h;
    }
    return scene;
}

}  // namespace

TEST_CASE("a job that runs at a site is not moved, and no node of a gateway is tidied") {
    Scene scene = with_runs();
    scene.job(3, 8);  // would fit a whole gateway node, were it one
    scene.world.jobs.at(3).partitions = {"train", "west"};
    const Snapshot now = scene.snapshot();
    policies::ConsolidateRule rule;
    rule.after = 0s;
    rule.tidy = {Hours{0b1111111, 0min, 24h}};
    Plan plan = policies::lend(now, {});
    policies::consolidate(now, rule, false, plan);
    CHECK(plan.steps.empty());
    for (const GoalReport& goal : plan.consolidation.goals) {
        CHECK(goal.goal == "tidy");
        CHECK(goal.moves.empty());
        CHECK(goal.nodes.empty());
    }
    CHECK(plan.consolidation.movable == 0);
    CHECK(plan.consolidation.fragmented_gpus == 0);
    CHECK(policies::explain_moves(now, rule, true, plan, *now.job({1})) ==
          Names{"Weir does not move it: it runs at site west"});
}

TEST_CASE("no room is made by moves for a job that may start at a site") {
    Scene scene;
    scene.world.jobs.clear();
    for (std::uint32_t i = 1; i <= 4; ++i) scene.world.movable(9000 + i, {"t" + std::to_string(i)}, 4);
    scene.job(1, 8, 30min);
    policies::ConsolidateRule rule;
    const auto wanted = [&] {
        const Snapshot now = scene.snapshot();
        Plan plan = policies::lend(now, {});
        policies::consolidate(now, rule, false, plan);
        return plan.consolidation.goals.size();
    };
    CHECK(wanted() == 1);
    scene.world.jobs.at(1).job.nominated = "west";
    CHECK(wanted() == 0);
}

TEST_CASE("what GPUs do at a site is not judged here") {
    Scene scene = with_runs();
    Snapshot now = scene.snapshot();
    now.gpu_windows = {30min};
    for (int i = 0; i < 4; ++i)
        now.gpu_uses.push_back({{1}, *now.node("w1"), i, "a100", {}, {}, {}, {}, {}, {{}}});
    Plan plan = policies::lend(now, {});
    policies::idle(now, {policies::IdleRule{}}, scene.types, {}, plan);
    CHECK(plan.uses.empty());
}

TEST_CASE("an owner's job that may start at a site, too, keeps its place among the owner's") {
    Scene scene;
    scene.world.add_nodes("i", 1, {"inference"});
    scene.world.partitions["inference"].push_back("t1");
    scene.world.reserve("weir_inference", {"i1"});
    scene.world.lent("t1");
    scene.job(1, 8, 1h);
    scene.world.jobs.at(1).partitions = {"train", "west"};
    const Plan plan = policies::lend(scene.snapshot(), {small_rule()});
    for (const auto& set : steps_of<SetReservation>(plan))
        for (const std::string& node : set.nodes) CHECK_FALSE(node.starts_with("w"));
}
