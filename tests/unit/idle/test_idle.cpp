// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/idle/scene.h"

using namespace weir;
using namespace weir::policies;
using namespace std::chrono_literals;
using weir::tests::Scene;

namespace {

template <class Action>
const Action& only(const Plan& plan) {
    REQUIRE(plan.steps.size() == 1);
    REQUIRE(std::holds_alternative<Action>(plan.steps.front().action));
    return std::get<Action>(plan.steps.front().action);
}

}  // namespace

TEST_CASE("an idle job is told once, with its evidence, and its waste counts from when it began", "[idle]") {
    Scene scene;
    const Plan first = scene.decide(10min);
    CHECK(only<TellJob>(first).told == "2 idle of 2 GPUs since 2027-01-15T07:30:00Z");
    CHECK(first.steps.front().why ==
          "2 idle of 2 GPUs since 2027-01-15T07:30:00Z (t1 GPU 0: utilisation 0-3 % at no more than 72 W for "
          "30m)");
    CHECK(first.steps.front().jobs == std::vector{JobId{17}});
    CHECK(first.uses.front().wasted == GpuSeconds{2 * 30 * 60});
    const Plan second = scene.decide();
    CHECK(second.steps.empty());
    CHECK(second.uses.front().wasted == GpuSeconds{2 * 40 * 60});
}

TEST_CASE("one that works again is told so, and what it wasted is not forgotten", "[idle]") {
    Scene scene;
    scene.decide(10min);
    scene.set_busy(0);
    scene.set_busy(1);
    const Plan plan = scene.decide(1h);
    CHECK(only<TellJob>(plan).told == "all its GPUs work");
    CHECK(plan.uses.front().wasting() == 0);
    CHECK(plan.uses.front().wasted.value == 2 * (40 * 60 - 5));
    CHECK(scene.decide().steps.empty());
}

TEST_CASE("the ladder ends only a job all of whose GPUs are wasted, after its user was written to",
          "[idle]") {
    Scene scene;
    scene.rule.then = {{Rung::Do::kAnnotate, {}}, {Rung::Do::kNotify, 30min}, {Rung::Do::kRequeue, 1h}};
    SECTION("all are") {
        only<TellJob>(scene.decide(29min));
        CHECK(scene.decide(1min).steps.empty());
        CHECK(only<TellUser>(scene.decide(29min)).message ==
              "weir: 2 idle of 2 GPUs since 2027-01-15T07:30:00Z do no work for this job; unless that "
              "changes, it is "
              "requeued at 2027-01-15T09:00:00Z");
        CHECK(scene.decide(1min).steps.empty());
        CHECK(only<EndJob>(scene.decide()).how == Ending::kRequeue);
    }
    SECTION("one works") {
        scene.set_busy(1);
        only<TellJob>(scene.decide(10h));
        CHECK(scene.decide().steps.empty());
    }
    SECTION("one falls silent for a while: the ladder begins anew") {
        only<TellJob>(scene.decide(50min));
        scene.use(1).sampled = scene.snapshot.at - 10min;
        CHECK(scene.decide(1min).steps.empty());
        CHECK(scene.decide(29min).steps.empty());
        CHECK(scene.decide().steps.empty());
    }
    SECTION("it cannot be requeued, and nothing else is asked for") {
        scene.job().requeueable = false;
        only<TellJob>(scene.decide(31min));
        CHECK(only<TellUser>(scene.decide(10h)).message.find("requeued") == std::string::npos);
        CHECK(scene.decide().steps.empty());
    }
}

TEST_CASE("nothing unknown is acted upon", "[idle]") {
    Scene scene;
    scene.rule.then = {{Rung::Do::kAnnotate, {}}, {Rung::Do::kCancel, 0s}};
    for (GpuUse& gpu : scene.snapshot.gpu_uses) gpu.contradiction = "two exporters";
    const Plan plan = scene.decide();
    CHECK(plan.steps.empty());
    CHECK(plan.ledger.idle.empty());
    CHECK(plan.uses.front().wasted == GpuSeconds{});
}

TEST_CASE("exempt jobs and partitions that serve are not watched", "[idle]") {
    Scene scene;
    SECTION("user") {
        scene.rule.exempt.users = {"bob", "alice"};
    }
    SECTION("account") {
        scene.rule.exempt.accounts = {"research"};
    }
    SECTION("QOS") {
        scene.rule.exempt.qos = {"normal"};
    }
    SECTION("partition") {
        scene.rule.exempt.partitions = {"train"};
    }
    SECTION("interactive") {
        scene.rule.exempt.interactive = true;
        scene.job().batch = false;
    }
    SECTION("another partition is named") {
        scene.rule.partitions = {"debug"};
    }
    SECTION("one that a lending rule serves") {
        scene.snapshot.partitions[0].name = "inference";
    }
    CHECK(scene.decide() == Plan{});
}

TEST_CASE("a partition that serves is watched when it is named", "[idle]") {
    Scene scene;
    scene.snapshot.partitions[0].name = "inference";
    scene.rule.partitions = {"inference"};
    CHECK(scene.decide().steps.size() == 1);
}

TEST_CASE("a requeued job begins anew", "[idle]") {
    Scene scene;
    scene.decide(1h);
    scene.job().started = scene.snapshot.at - 40min;
    const Plan plan = scene.decide();
    CHECK(only<TellJob>(plan).told.ends_with("since 2027-01-15T08:30:00Z"));
    CHECK(plan.uses.front().wasted == GpuSeconds{2 * 30 * 60});
}

TEST_CASE("no more than twenty jobs are told in one cycle", "[idle]") {
    Scene scene;
    const Job job = scene.job();
    const GpuUse use = scene.use();
    scene.snapshot.jobs.clear();
    scene.snapshot.gpu_uses.clear();
    for (std::uint32_t i = 1; i <= 50; ++i) {
        scene.snapshot.jobs.push_back(job);
        scene.snapshot.jobs.back().id = JobId{i};
        scene.snapshot.gpu_uses.push_back(use);
        scene.snapshot.gpu_uses.back().job = JobId{i};
    }
    CHECK(scene.decide().steps.size() == 20);
    CHECK(scene.decide().steps.size() == 20);
    CHECK(scene.decide().steps.size() == 10);
    CHECK(scene.decide().steps.empty());
}
