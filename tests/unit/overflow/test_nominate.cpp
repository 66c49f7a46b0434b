// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/overflow/scene.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

TEST_CASE("a job that may start at a site is compared as long as it waits") {
    Scene scene;
    scene.add_site("east", 1).terms.gpu_hour.by_type["a100"] = usd(0.80);
    scene.job(1);
    scene.cycle_twice();
    const Plan plan = scene.cycle();
    const Comparison& told = comparison_of(plan, 1);
    CHECK(told.chosen == "west");
    CHECK(told.why == scene.memory().nominations.front().why);
    REQUIRE(told.places.size() == 3);
    CHECK(place_of(plan, 1, "home").excluded.empty());
    CHECK(place_of(plan, 1, "west").price == usd(8));  // four hours of four GPUs
    CHECK(place_of(plan, 1, "east").price == usd(12.80));
    const Snapshot now = scene.snapshot();
    CHECK(policies::explain_overflow(now, scene.policy, scene.types, plan, *now.job({1})) ==
          Names{"Weir lets it start at site west, too: " + told.why});
}

TEST_CASE("a site that stays better for long enough is added to a job's partitions") {
    Scene scene;
    scene.job(1);
    CHECK(scene.cycle().steps.empty());
    scene.pass(4min);
    CHECK(scene.cycle().steps.empty());
    scene.pass(1min);
    const Plan plan = scene.cycle();
    const std::string why =
        "at west it is done in 4h for 8.00 USD (11.20 with its time), at home it is done in 3h for 16.00 USD "
        "(18.40 with its time) (Slurm has no forecast; unknown_wait of rule spill)";
    Nominate step;
    step.job = {1};
    step.label = "1";
    step.site = "west";
    step.partition = "west";
    step.partitions = {"train", "west"};
    step.token = "west@00000000deadbeef";
    step.rule = "spill";
    step.told =
        "it may start at site west, too, where it should be done sooner or for less; Slurm starts it "
        "where it first can";
    CHECK(plan.steps == std::vector<Step>{{step, why, {JobId{1}}}});
    Nomination expected;
    expected.job = {1};
    expected.submitted = scene.world.jobs.at(1).job.submitted;
    expected.label = "1";
    expected.user = "alice";
    expected.site = "west";
    expected.partition = "west";
    expected.home = {"train"};
    expected.budget = "spill";
    expected.since = scene.world.at;
    expected.limit = 2h;
    expected.gpus = 4;
    expected.worst = usd(4);
    expected.why = why;
    CHECK(plan.ledger.overflow.nominations == std::vector<Nomination>{expected});
    CHECK(scene.memory().nominations.front().confirmed);
    // It stands as it is.
    scene.pass(1min);
    const Plan next = scene.cycle();
    CHECK(next.steps.empty());
    CHECK(nominated(scene.memory()) == Names{"1: west"});
}

TEST_CASE("a site that is not better by enough is not used") {
    Scene scene;
    scene.job(1);
    scene.west().terms.gpu_hour.by_type["a100"] = usd(0.75);  // 15.20 in all, against 18.40
    const Plan plan = scene.cycle_twice();
    CHECK(plan.steps.empty());
    CHECK(comparison_of(plan, 1).why ==
          "at west it is done in 4h for 12.00 USD (15.20 with its time), at home it is done in 3h for 16.00 "
          "USD (18.40 with its time): not better by 20%");
}

TEST_CASE("a site that is better only now and then is not used") {
    Scene scene;
    scene.job(1);
    scene.cycle();
    scene.pass(4min);
    scene.world.jobs.at(1).job.expected_start = scene.world.at + 2min;
    scene.policy.home.gpu_hour.by_type["h100"] = usd(0.5);
    scene.cycle();
    scene.policy.home.gpu_hour.by_type["h100"] = usd(2);
    scene.world.jobs.at(1).job.expected_start.reset();
    scene.pass(1min);
    CHECK(scene.cycle().steps.empty());
    scene.pass(4min);
    CHECK(scene.cycle().steps.empty());
    scene.pass(1min);
    CHECK(scene.cycle().steps.size() == 1);
}

TEST_CASE("a job that prefers to go needs neither gain nor patience, unless it is about to start at home") {
    Scene scene;
    Job& job = scene.job(1);
    job.overflow.wish = OverflowWish::kPrefer;
    scene.west().terms.gpu_hour.by_type["a100"] = usd(50);
    job.expected_start = scene.world.at + 30s;
    CHECK(scene.decide().steps.empty());
    CHECK(comparison_of(scene.decide(), 1).why == "it is about to start at home");
    job.expected_start.reset();
    job.reason = "None";
    job.eligible = scene.world.at - 5s;
    CHECK(scene.decide().steps.empty());
    job.reason = "Resources";
    CHECK(scene.decide().steps.size() == 1);
}

TEST_CASE("the best of several sites is used") {
    Scene scene;
    scene.add_site("east", 2).terms.gpu_hour.by_type["a100"] = usd(0.40);
    scene.job(1);
    CHECK(nominated(scene.cycle_twice().ledger.overflow) == Names{"1: east"});
}

TEST_CASE("as many jobs are nominated as the site and its gateway hold, the most urgent first") {
    Scene scene;
    scene.job(1, 8);
    scene.job(2, 8);
    scene.job(3, 4);
    scene.world.jobs.at(3).job.priority = 2000;
    Plan plan = scene.cycle_twice();
    CHECK(nominated(plan.ledger.overflow) == Names{"1: west", "3: west"});
    CHECK(place_of(plan, 2, "west").excluded == "it is too large for what is free there now");
    CHECK(scene.cycle().steps.empty());
    // One starts there and is waited for: its place is still taken, though the site counts it as free.
    scene.start_at(1, "w1");
    CHECK(scene.cycle().steps.empty());
    // A third place comes free there; the gateway has none.
    scene.look().rooms = {{3, 64, 512 * 1024, "a100", 8}};
    plan = scene.cycle();
    CHECK(plan.steps.empty());
    CHECK(place_of(plan, 2, "west").excluded == "no gateway node of it has room for it now");
}

TEST_CASE("a job that names no type of GPU takes the room of the type that it gets") {
    Scene scene;
    scene.look().rooms = {{1, 64, 512 * 1024, "a100", 8}, {1, 64, 512 * 1024, "h100", 8}};
    scene.job(1, 8);
    scene.job(2, 8);
    CHECK(nominated(scene.cycle_twice().ledger.overflow) == Names{"1: west"});
    CHECK(scene.cycle().steps.empty());  // nor while the first may start there
}

TEST_CASE("what a job could cost at most is set aside, so that no budget is overdrawn") {
    Scene scene;
    scene.rule().per_day = usd(10);
    for (std::uint32_t id = 1; id <= 4; ++id) scene.job(id, 4);
    const Plan plan = scene.cycle_twice();
    CHECK(nominated(plan.ledger.overflow) == Names{"1: west", "2: west"});
    CHECK(plan.overflow.budgets.front().aside == usd(8));
    CHECK(place_of(plan, 3, "west").excluded ==
          "rule spill may spend 10.00 USD a day, of which 2.00 are left, and it could cost 4.00");
}

TEST_CASE("a budget of a month counts every day of it") {
    Scene scene;
    scene.rule().per_month = usd(10);
    const std::int64_t today = scene.world.at.time_since_epoch() / 24h;  // 11 February
    scene.memory().spendings = {{"spill", "west", today - 11, usd(50), {}},
                                {"spill", "west", today - 10, usd(6.5), {}}};
    scene.job(1);
    CHECK(scene.cycle_twice().ledger.overflow.nominations.empty());
    scene.memory().spendings.back().spent = usd(6);
    CHECK(scene.cycle().ledger.overflow.nominations.size() == 1);
}

TEST_CASE("tasks of an array are nominated one by one, as many as there is room for") {
    Scene scene;
    Job& job = scene.job(17, 8);
    job.label = "17_[5-9]";
    job.count = 5;
    const Plan plan = scene.cycle_twice();
    CHECK(nominated(plan.ledger.overflow) == Names{"17_5: west", "17_6: west"});
    const auto steps = steps_of<Nominate>(plan);
    REQUIRE(steps.size() == 2);
    CHECK(steps[0].job == JobId{17});
    CHECK(steps[0].label == "17_5");
    // Slurm has split them off, and they are known by their own numbers now.
    scene.pass(10s);
    CHECK(scene.cycle().steps.empty());
    CHECK(nominated(scene.memory()) == Names{"17_5: west", "17_6: west"});
    for (const Nomination& one : scene.memory().nominations) {
        CHECK(one.job != JobId{17});
        CHECK(scene.world.jobs.at(one.job.value).job.label == one.label);
    }
    CHECK(scene.world.jobs.at(17).job.label == "17_[7-9]");
}

TEST_CASE("no more tasks are nominated than may run at a time") {
    Scene scene;
    Job& job = scene.job(17, 4);
    job.label = "17_[0-98:2]";
    job.count = 1;
    CHECK(nominated(scene.cycle_twice().ledger.overflow) == Names{"17_0: west"});
}

TEST_CASE("tasks that may start at a site, or are there, count towards their array's limit") {
    Scene scene;
    Job& job = scene.job(17, 4);
    job.label = "17_[5-9]";
    job.count = job.array_limit = 2;
    CHECK(nominated(scene.cycle_twice().ledger.overflow) == Names{"17_5: west", "17_6: west"});
    // Slurm has split them off, and counts as before.
    scene.world.jobs.at(17).job.count = 2;
    Plan plan = scene.cycle();
    CHECK(plan.steps.empty());
    CHECK(comparison_of(plan, 17).chosen.empty());
    CHECK(comparison_of(plan, 17).why ==
          "as many of its tasks as may run at a time are nominated or at sites already, or left alone for "
          "now");
    const std::uint32_t task = scene.memory().nominations.front().job.value;
    REQUIRE(scene.memory().nominations.front().label == "17_5");
    scene.start_at(task, "w1", RunStage::kRunning);
    CHECK(scene.cycle().steps.empty());
    scene.pass(1h);
    scene.finish(task, 1h);
    scene.world.end(task);
    CHECK(nominated(scene.cycle().ledger.overflow) == Names{"17_7: west", "17_6: west"});
}

TEST_CASE("a nomination that did not reach Slurm is written again") {
    Scene scene;
    scene.job(1);
    scene.cycle();
    scene.pass(5min);
    const Plan lost = scene.decide();
    scene.world.ledger = lost.ledger;  // killed before the step
    scene.pass(10s);
    const Plan plan = scene.cycle();
    CHECK(plan.steps == lost.steps);
    CHECK(scene.world.jobs.at(1).partitions == Names{"train", "west"});
}

TEST_CASE("a nomination that Slurm refuses is given up for a while") {
    Scene scene;
    scene.job(1);
    scene.cycle();
    scene.pass(5min);
    const Plan plan = scene.decide();
    scene.world.ledger = plan.ledger;
    record_refusal(scene.world.ledger, plan.steps.front(), "Access denied", scene.world.at);
    CHECK(scene.memory().nominations.empty());
    const Plan next = scene.cycle();
    CHECK(next.steps.empty());
    CHECK(comparison_of(next, 1).why ==
          "it is left alone for another 10m: Slurm would not let it use "
          "partition west: Access denied");
    scene.pass(10min);
    CHECK(scene.cycle().steps.size() == 1);
}

TEST_CASE("a rule that only advises compares and nominates nothing") {
    Scene scene;
    scene.job(1);
    scene.rule().mode = policies::Mode::kAdvise;
    const Plan plan = scene.cycle_twice();
    CHECK(plan.steps.empty());
    CHECK(plan.ledger.overflow.nominations.empty());
    CHECK(comparison_of(plan, 1).chosen == "west");
}

TEST_CASE("while Weir is paused nothing is nominated and nothing is taken back") {
    Scene scene;
    scene.job(1);
    scene.cycle_twice();
    scene.job(2);
    scene.look().gateway_answers = false;
    scene.pass(10min);
    const Plan plan = scene.decide(true);
    CHECK(plan.steps.empty());
    CHECK(nominated(plan.ledger.overflow) == Names{"1: west"});
}

TEST_CASE("a cycle nominates no more than Slurm can well be told of at once") {
    Scene scene;
    scene.world.nodes.at("w1").gpus = {{"a100", 64, 0}};
    scene.world.nodes.at("w1").cpus = 4096;
    scene.look().rooms = {{1, 4096, 512 * 1024, "a100", 64}};
    for (std::uint32_t id = 1; id <= 60; ++id) scene.job(id, 1);
    Plan plan = scene.cycle_twice();
    CHECK(plan.steps.size() == 50);
    CHECK(comparison_of(plan, 51).why == "west is better for it; others are nominated first");
    plan = scene.cycle();
    CHECK(plan.steps.size() == 10);
}

TEST_CASE("jobs that can go nowhere keep no other from being looked at") {
    Scene scene;
    scene.west().accounts = {"lab"};
    for (std::uint32_t id = 1; id <= 1001; ++id) {
        Job& job = scene.job(id);
        job.account = "physics";
        job.priority = 5000;
    }
    scene.job(1002).priority = 1;
    Plan plan = scene.cycle_twice();
    CHECK(nominated(plan.ledger.overflow) == Names{"1002: west"});
    CHECK(plan.overflow.not_looked_at == 0);
    // Why they do not go is told all the same.
    CHECK(place_of(plan, 1, "west").excluded == "account physics may not run there");
    for (std::uint32_t id = 1; id <= 1001; ++id) scene.world.jobs.at(id).job.account = "lab";
    CHECK(scene.decide().overflow.not_looked_at == 1);
}

TEST_CASE("no more jobs are nominated than a site may have") {
    Scene scene;
    for (std::uint32_t id = 1; id <= 3; ++id) scene.job(id, 2);
    scene.west().max_jobs = 2;
    const Plan plan = scene.cycle_twice();
    CHECK(nominated(plan.ledger.overflow) == Names{"1: west", "2: west"});
    CHECK(place_of(plan, 3, "west").excluded == "max_jobs is 2, and so many are there or may start there");
    CHECK(plan.overflow.sites.front().throttle.empty());
    CHECK(scene.cycle().steps.empty());
}

TEST_CASE("a job that has just started at a site counts before its gateway tells of it") {
    Scene scene;
    for (std::uint32_t id = 1; id <= 3; ++id) scene.job(id, 2);
    scene.west().max_jobs = 2;
    scene.cycle_twice();
    REQUIRE(nominated(scene.memory()) == Names{"1: west", "2: west"});
    scene.start(1, "w1");
    CHECK(nominated(scene.cycle().ledger.overflow) == Names{"1: west", "2: west"});
    scene.start(2, "w1");
    CHECK(nominated(scene.cycle().ledger.overflow) == Names{"1: west", "2: west"});
}

TEST_CASE("a site at which submissions fail, or jobs wait for long, gets one job at a time") {
    Scene scene;
    scene.job(1);
    scene.job(2);
    scene.job(3);
    SECTION("failures") {
        scene.look().failures = 3;
    }
    SECTION("waits") {
        scene.look().typical_wait = 11min;
    }
    const Plan plan = scene.cycle_twice();
    CHECK(nominated(plan.ledger.overflow) == Names{"1: west"});
    CHECK_FALSE(plan.overflow.sites.front().throttle.empty());
    RemoteRun& run = scene.start_at(1, "w1");
    CHECK(scene.cycle().steps.empty());
    run.stage = RunStage::kRunning;
    CHECK(nominated(scene.cycle().ledger.overflow) == Names{"1: west", "2: west"});
}
