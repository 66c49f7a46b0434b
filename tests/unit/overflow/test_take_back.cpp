// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/overflow/scene.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

Scene with_nomination() {
    Scene scene;
    scene.job(1);
    scene.cycle_twice();
    REQUIRE(nominated(scene.memory()) == Names{"1: west"});
    scene.pass(1min);
    return scene;
}

TakeBack back(const std::string& told) {
    TakeBack step;
    step.job = {1};
    step.label = "1";
    step.site = "west";
    step.partition = "west";
    step.partitions = {"train"};
    step.told = "it may no longer start at site west: " + told;
    return step;
}

}  // namespace

TEST_CASE("a nomination is taken back when its reason passes, and the job is left alone for a while") {
    Scene scene = with_nomination();
    Job& job = scene.world.jobs.at(1).job;
    std::string why;
    SECTION("home is better") {
        scene.policy.home.gpu_hour.by_type["h100"] = usd(0.8);
        why = "home is better for it again: Slurm has no forecast; unknown_wait of rule spill";
    }
    SECTION("the site is out of reach") {
        scene.look().reachable = false;
        scene.look().problem = "timed out";
        why = "it does not answer its gateway: timed out";
    }
    SECTION("the site is full") {
        scene.look().rooms.clear();
        why = "it is too large for what is free there now";
    }
    SECTION("jobs wait there") {
        scene.look().typical_wait = 15min;
        RemoteRun other;
        other.job = {77};
        other.stage = RunStage::kWaiting;
        scene.look().runs.push_back(other);
        why = "jobs sent there lately have waited 15m there, so one goes there when none waits";
    }
    SECTION("it waits for something else") {
        job.waits_for = WaitsFor::kOther;
        job.reason = "AssocMaxJobsLimit";
        why = "it waits for something other than capacity: AssocMaxJobsLimit";
    }
    const Plan plan = scene.cycle();
    CHECK(plan.steps == std::vector<Step>{{back(why), why, {JobId{1}}}});
    CHECK(scene.world.jobs.at(1).partitions == Names{"train"});
    CHECK(scene.memory().nominations.empty());
    REQUIRE(scene.memory().rests.size() == 1);
    CHECK(scene.memory().rests.front().until == scene.world.at + 5min);
    CHECK(scene.cycle().steps.empty());
}

TEST_CASE("a nomination is taken back at once when it is no longer wished or allowed") {
    Scene scene = with_nomination();
    std::string why;
    SECTION("its user says so") {
        scene.world.jobs.at(1).job.overflow.wish = OverflowWish::kNever;
        why = "it is no longer wished";
    }
    SECTION("the rule only advises") {
        scene.rule().mode = policies::Mode::kAdvise;
        why = "rule spill only advises now";
    }
    SECTION("the rule is gone") {
        scene.policy.rules.clear();
        why = "the overflow rule that let it go there does not cover it any more";
    }
    SECTION("the site is gone") {
        scene.policy.sites.clear();
        why = "weir.yaml has no site west";
    }
    const Plan plan = scene.decide();
    CHECK(plan.steps == std::vector<Step>{{back(why), why, {JobId{1}}}});
    CHECK(plan.ledger.overflow.rests.empty());
}

TEST_CASE("what a job may cost is told to nobody by its AdminComment") {
    Scene scene = with_nomination();
    scene.world.jobs.at(1).job.overflow.max_cost = usd(1);
    const Plan plan = scene.cycle();
    REQUIRE(plan.steps.size() == 1);
    CHECK(plan.steps.front().why == "it could cost 4.00 USD there, and its user allows 1.00");
    CHECK(std::get<TakeBack>(plan.steps.front().action) == back("it may cost too much there"));
}

TEST_CASE("whoever takes the site out of a job's list is obeyed") {
    Scene scene = with_nomination();
    scene.world.jobs.at(1).partitions = {"train"};
    const Plan plan = scene.cycle();
    CHECK(plan.steps == std::vector<Step>{{back("somebody took the site out of its partitions"),
                                           "somebody took the site out of its partitions",
                                           {JobId{1}}}});
    CHECK(scene.world.jobs.at(1).job.nominated.empty());
    scene.pass(30min);
    CHECK(scene.cycle().steps.empty());
}

TEST_CASE("a job that starts at home frees what was set aside for it") {
    Scene scene = with_nomination();
    scene.world.end(9001);
    scene.start(1, "t1");
    const Plan plan = scene.cycle();
    CHECK(plan.steps ==
          std::vector<Step>{
              {back("it has started in partition train"), "it has started in partition train", {JobId{1}}}});
    CHECK(scene.world.jobs.at(1).job.nominated.empty());
    CHECK(scene.memory().nominations.empty());
    CHECK(scene.cycle().steps.empty());
}

TEST_CASE("a job that the site gave back goes home and rests, whatever order Slurm has put its list into") {
    Scene scene = with_nomination();
    RemoteRun& run = scene.start_at(1, "w1");
    scene.cycle();
    CHECK(scene.memory().nominations.front().started_with == 0U);
    run.withdrawn = true;
    run.stage = RunStage::kWithdrawing;
    scene.requeue(1);
    Plan plan = scene.cycle();
    CHECK(plan.steps ==
          std::vector<Step>{{back("it has come back from west"), "it has come back from west", {JobId{1}}}});
    CHECK(scene.world.jobs.at(1).partitions == Names{"train"});
    // What is set aside stays so until what its run cost is known.
    CHECK(scene.memory().nominations.size() == 1);
    CHECK(scene.decide().overflow.budgets.front().aside == usd(4));
    scene.pass(10s);
    CHECK(scene.cycle().steps.empty());
    scene.finish(1, 15min);
    plan = scene.cycle();
    CHECK(plan.steps.empty());
    CHECK(scene.memory().nominations.empty());
    CHECK(plan.overflow.budgets.front().aside == usd(0));
    CHECK(plan.overflow.budgets.front().today == usd(0.50));
}

TEST_CASE("a job that comes back is waited for while Slurm takes it off its gateway node") {
    Scene scene = with_nomination();
    RemoteRun& run = scene.start_at(1, "w1");
    scene.cycle();
    run.withdrawn = true;
    scene.requeue(1);
    auto& entry = scene.world.jobs.at(1);
    entry.job.state = JobState::kCompleting;
    entry.partitions = {"train", "west"};
    scene.finish(1, 15min);
    CHECK(scene.cycle().steps.empty());
    REQUIRE(scene.memory().nominations.size() == 1);
    CHECK(scene.memory().nominations.front().settled);
    entry.job.state = JobState::kPending;
    const std::string why = "it has come back from west";
    CHECK(scene.cycle().steps == std::vector<Step>{{back(why), why, {JobId{1}}}});
    CHECK(entry.partitions == Names{"train"});
    REQUIRE(scene.memory().rests.size() == 1);
    CHECK(scene.memory().rests.front().why == why);
}

TEST_CASE("a time limit that was extended is set back when the job comes home") {
    Scene scene = with_nomination();
    RemoteRun& run = scene.start_at(1, "w1");
    scene.pass(7min + 10s);
    run.stage = RunStage::kRunning;
    run.started = scene.world.at;
    Plan plan = scene.cycle();
    const std::string told =
        "for what it waited at site west before it started there its time limit is 8m longer";
    CHECK(plan.steps ==
          std::vector<Step>{{ExtendLimit{{1}, "1", "west", 2h + 8min, told}, told, {JobId{1}}}});
    CHECK(scene.cycle().steps.empty());
    run.withdrawn = true;
    scene.requeue(1);
    plan = scene.cycle();
    REQUIRE(plan.steps.size() == 1);
    CHECK(std::get<TakeBack>(plan.steps.front().action).limit == Duration(2h));
    CHECK(scene.world.jobs.at(1).job.time_limit == 2h);
}

TEST_CASE("a time limit grows by no more than a job may wait there") {
    Scene scene = with_nomination();
    RemoteRun& run = scene.start_at(1, "w1", RunStage::kRunning);
    run.started = scene.world.at + 5h;  // by a clock that is wrong, say
    const auto steps = steps_of<ExtendLimit>(scene.cycle());
    REQUIRE(steps.size() == 1);
    CHECK(steps.front().limit == 2h + 20min);
}

TEST_CASE("a job that lost its gateway node waits for its copy, which runs on") {
    Scene scene = with_nomination();
    scene.start_at(1, "w1", RunStage::kRunning);
    scene.cycle();
    scene.requeue(1);
    scene.world.jobs.at(1).partitions = {"west"};  // the gateway has it wait for this site alone
    CHECK(scene.cycle().steps.empty());
    // The gateway is silent: the copy is not taken for lost.
    scene.look().gateway_answers = false;
    scene.pass(2h);
    CHECK(scene.cycle().steps.empty());
    // The gateway comes back and knows of no copy.
    scene.look().gateway_answers = true;
    scene.look().runs.clear();
    scene.pass(10s);
    const Plan plan = scene.cycle();
    CHECK(plan.steps ==
          std::vector<Step>{{back("it has come back from west"), "it has come back from west", {JobId{1}}}});
    CHECK(scene.memory().nominations.empty());
}

TEST_CASE("traces that nothing explains are taken out of jobs that wait") {
    Scene scene;
    scene.job(1);
    scene.world.jobs.at(1).partitions = {"train", "west"};
    const Plan plan = scene.cycle();
    CHECK(plan.steps ==
          std::vector<Step>{{back("Weir has not nominated it"), "Weir has not nominated it", {JobId{1}}}});
    CHECK(scene.cycle().steps.empty());
}

TEST_CASE("where every rule only advises, a list that somebody else wrote is left as it is") {
    Scene scene;
    scene.job(1);
    scene.rule().mode = policies::Mode::kAdvise;
    scene.world.jobs.at(1).partitions = {"train", "west"};
    CHECK(scene.cycle().steps.empty());
    SECTION("but a token of Weir's own is taken away, of the time when a rule acted") {
        scene.world.jobs.at(1).job.nominated = "west";
        CHECK(
            scene.cycle().steps ==
            std::vector<Step>{{back("Weir has not nominated it"), "Weir has not nominated it", {JobId{1}}}});
        CHECK(scene.cycle().steps.empty());
    }
    SECTION("as where the rule that acts does not send jobs to that site") {
        policies::OverflowRule other;
        other.name = "other";
        other.mode = policies::Mode::kAct;
        other.partitions = {"batch"};
        other.sites = {"north"};
        scene.policy.rules.push_back(other);
        CHECK(scene.cycle().steps.empty());
        scene.policy.rules.back().sites = {"west"};
        CHECK(scene.cycle().steps.size() == 1);
    }
}
