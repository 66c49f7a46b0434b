// SPDX-License-Identifier: GPL-2.0-or-later
// How many replicas a service shall have.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "tests/unit/services/world.h"

namespace {

using namespace std::chrono_literals;
using weir::Plan;
using weir::Sample;
using weir::tests::ServiceWorld;
using weir::tests::texts;
using Texts = std::vector<std::string>;

// One replica, ready for a minute.
ServiceWorld one_ready() {
    ServiceWorld world;
    world.cycle();
    world.run(1, "i1");
    world.set_ready(1);
    world.pass(1min, 3);
    return world;
}

TEST_CASE("a service begins with its least number of replicas, each submitted once") {
    ServiceWorld world;
    world.rule.min = 2;
    const Plan plan = world.cycle();
    CHECK(texts(plan) == Texts{"start replica chat-1", "start replica chat-2"});
    CHECK(plan.steps[0].why == "2 replicas wanted: the service begins");
    CHECK(world.cycle().steps.empty());
    CHECK(world.jobs_alive() == 2);
}

TEST_CASE("a service that begins with more replicas than its least keeps them") {
    ServiceWorld world;
    for (int number : {1, 2, 3}) world.add(number, "i1");
    CHECK(world.cycle().services[0].wanted == 3);
}

TEST_CASE("two samples in a row above the target raise the count by what the smaller one asks for") {
    ServiceWorld world = one_ready();
    const auto at = world.snapshot.at;
    world.look().signals[0] = {Sample{at, 20}, Sample{at - 10s, 7}, ""};  // 20 asks for 4, 7 for 1
    const Plan plan = world.cycle();
    CHECK(texts(plan) == Texts{"start replica chat-2"});
    CHECK(plan.services[0].why == "raised from 1: waiting is 20, target 4: asks for 1 replica more");
}

TEST_CASE("one sample alone raises nothing, nor do two with a gap between them") {
    ServiceWorld world = one_ready();
    const auto at = world.snapshot.at;
    world.look().signals[0] = {Sample{at, 40}, std::nullopt, ""};
    CHECK(world.cycle().steps.empty());
    world.look().signals[0] = {Sample{at, 40}, Sample{at - 31s, 40}, ""};
    CHECK(world.cycle().steps.empty());
}

TEST_CASE("samples of before the last replica became ready raise nothing") {
    ServiceWorld world = one_ready();
    world.pass(10s, 8);
    world.run(2, "i2");
    world.set_ready(2);
    world.say(8);
    world.look().signals[0].before->at = world.snapshot.at - 10s;
    CHECK(world.cycle().services[0].wanted == 2);  // it became ready now: the queue is of before
    CHECK(world.pass(20s, 8).services[0].wanted == 3);
}

TEST_CASE("the largest signal counts, never the sum") {
    ServiceWorld world = one_ready();
    world.rule.signals.push_back({"cache", "max(cache)", "", "", 0.8, 80});
    world.look().signals.resize(2);
    world.say(8, 0);     // asks for 1
    world.say(0.95, 1);  // asks for 2
    world.rule.most_up = 5;
    CHECK(world.cycle().services[0].wanted == 3);
}

TEST_CASE("replicas that are starting count") {
    ServiceWorld world = one_ready();
    CHECK(world.pass(10s, 12).services[0].wanted == 3);
    CHECK(world.pass(2min, 12).services[0].wanted == 3);
    CHECK(world.pass(10s, 16).services[0].wanted == 4);
}

TEST_CASE("a cycle starts no more replicas than `up`, and there are never more than `max`") {
    ServiceWorld world = one_ready();
    world.rule.most_up = 3;
    CHECK(world.pass(10s, 400).steps.size() == 3);
    const Plan plan = world.pass(10s, 400);
    CHECK(plan.steps.size() == 2);
    CHECK(plan.services[0].wanted == 6);
    CHECK(world.pass(10s, 400).services[0].held ==
          "waiting is 400, target 4: asks for 99 replicas more, and replicas.max is 6");
}

TEST_CASE("ten minutes below 0.7 of the target take one replica away, ten more the next") {
    ServiceWorld world = one_ready();
    world.pass(10s, 12);
    for (int number : {2, 3}) {
        world.run(number, "t" + std::to_string(number));
        world.set_ready(number);
    }
    world.pass(1min, 3);  // between 0.7 of the target and the target
    CHECK(world.pass(10min, 2.7).services[0].wanted == 3);
    const Plan plan = world.pass(10s, 2.7);
    CHECK(plan.services[0].wanted == 2);
    CHECK(plan.services[0].why == "lowered from 3: every signal was below 0.7 of its target for 10m");
    CHECK(world.pass(10min, 0).services[0].wanted == 2 - 1);
    CHECK(world.pass(30min, 0).services[0].wanted == 1);  // min
}

TEST_CASE("a moment above 0.7 of the target begins the ten minutes anew") {
    ServiceWorld world = one_ready();
    world.pass(10s, 8);
    world.run(2, "t1");
    world.set_ready(2);
    world.pass(9min, 0);
    world.pass(10s, 3);
    CHECK(world.pass(9min, 0).services[0].wanted == 2);
}

TEST_CASE("a signal that is missing, stale, NaN or absurd holds the count and is told") {
    ServiceWorld world = one_ready();
    world.pass(10s, 8);
    world.run(2, "t1");
    world.set_ready(2);
    world.pass(1min, 0);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double infinite = std::numeric_limits<double>::infinity();
    const auto held = [&](const std::string& problem) {
        for (int i = 0; i < 200; ++i) {  // over half an hour
            const Plan plan = world.cycle();
            REQUIRE(plan.steps.empty());
            REQUIRE(plan.services[0].wanted == 2);
            if (i == 0) CHECK(plan.services[0].signals[0].problem == problem);
            if (i == 0)
                CHECK(plan.services[0].held == "waiting " + problem + "; the count is not lowered meanwhile");
            if (world.look().signals[0].latest && problem.find("old") == std::string::npos)
                world.say(world.look().signals[0].latest->value);
        }
    };
    SECTION("missing") {
        world.look().signals[0] = {{}, {}, "gives no data"};
        held("gives no data");
    }
    SECTION("not asked yet") {
        world.look().signals.clear();
        held("has not been asked yet");
    }
    SECTION("stale") {
        world.look().signals[0] = {Sample{world.snapshot.at - 40s, 0}, {}, "http://p:9090: refused"};
        held("is 40s old: http://p:9090: refused");
    }
    SECTION("NaN") {
        world.say(nan);
        held("is not a number (NaN)");
    }
    SECTION("infinite") {
        world.say(infinite);
        held("is infinite");
    }
    SECTION("negative") {
        world.say(-3);
        held("is negative (-3)");
    }
    SECTION("absurd") {
        world.say(1e9);
        held("is absurd (1e+09 asks for over a hundred times the replicas allowed)");
    }
}

TEST_CASE("a signal that is not heeded does not keep another from raising the count") {
    ServiceWorld world = one_ready();
    world.rule.signals.push_back({"cache", "max(cache)", "", "", 0.8, 80});
    world.look().signals.resize(2);
    world.look().signals[1].problem = "gives no data";
    world.say(8, 0);
    CHECK(world.cycle().services[0].wanted == 2);
}

TEST_CASE("a pinned count wins over signals and bounds until its time is over") {
    ServiceWorld world = one_ready();
    world.state().pin = weir::Pin{3, world.snapshot.at + 5min, "root"};
    Plan plan = world.pass(10s, 400);
    CHECK(plan.services[0].wanted == 3);
    CHECK(plan.services[0].why == "pinned by root");
    CHECK(world.pass(4min, 400).services[0].wanted == 3);
    for (int number : {2, 3}) {
        world.run(number, "t1");
        world.set_ready(number);
    }
    plan = world.pass(2min, 400);
    CHECK(plan.services[0].wanted > 3);
    CHECK_FALSE(plan.services[0].pin);
    world.state().pin = weir::Pin{0, {}, "root"};
    CHECK(world.pass(1h, 400).services[0].wanted == 0);
}

TEST_CASE("a predicted load starts replicas before it is there, and holds them") {
    ServiceWorld world = one_ready();
    world.rule.predict = weir::policies::Prediction{"load", 3, 15min};
    world.look().predicted = 8.5;
    const Plan plan = world.pass(10s, 0);
    CHECK(plan.services[0].predicted == 3);
    CHECK(plan.services[0].why == "so many are expected to be needed 15m from now");
    CHECK(texts(plan) == Texts{"start replica chat-2", "start replica chat-3"});
    CHECK(world.pass(1h, 0).services[0].wanted == 3);
    world.look().predicted = 1e6;
    CHECK(world.pass(10s, 0).services[0].wanted == 6);  // max
    world.look().predicted.reset();
    world.look().prediction_problem = "gives no data";
    CHECK(world.pass(3h, 0).services[0].wanted == 1);
}

TEST_CASE("the GPUs of a replica are those of its jobs where weir.yaml does not say") {
    ServiceWorld world = one_ready();
    world.rule.gpus.reset();
    world.job(1).gpus = weir::Gpus{2};
    world.rule.most_up = 9;
    CHECK(world.pass(10s, 7).services[0].wanted == 1 + 3);  // 3 * 2 GPUs
}

TEST_CASE("new bounds are followed at once") {
    ServiceWorld world = one_ready();
    world.rule.min = 3;
    CHECK(world.pass(10s, 0).services[0].why == "replicas.min is 3");
    world.rule.min = 1;
    world.rule.max = 2;
    CHECK(world.pass(10s, 0).services[0].wanted == 2);
}

TEST_CASE("a service is explained in sentences") {
    ServiceWorld world = one_ready();
    const Plan plan = world.pass(10s, 8);
    CHECK(weir::policies::explain(plan.services[0]) ==
          Texts{"2 replicas wanted: raised from 1: waiting is 8, target 4: asks for 1 replica more",
                "1 ready, 0 starting, 0 waiting, 0 draining",
                "waiting is 8, target 4: asks for 1 replica beyond those that are ready"});
}

}  // namespace
