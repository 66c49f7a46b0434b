// SPDX-License-Identifier: GPL-2.0-or-later
// Which replicas there are, how they start, and how they go.
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "tests/unit/services/world.h"

namespace {

using namespace std::chrono_literals;
using weir::JobState;
using weir::Plan;
using weir::ReplicaStage;
using weir::tests::ServiceWorld;
using weir::tests::texts;
using Texts = std::vector<std::string>;

// Replicas 1 on i1, and 2 and 3 on t1 and t2, which are lent; all ready. 3 is the youngest.
ServiceWorld three_ready() {
    ServiceWorld world;
    world.rule.min = 3;
    world.lend("t1");
    world.lend("t2");
    int number = 1;
    for (const char* node : {"i1", "t1", "t2"}) {
        world.add(number, node);
        world.set_ready(number++);
        world.pass(10s, 3);
    }
    world.rule.min = 1;
    world.pass(2min, 3);
    return world;
}

TEST_CASE("the youngest replica on a lent node goes first: off the endpoints, notice, time, end") {
    ServiceWorld world = three_ready();
    world.job(3).notice = weir::NoticeSignal{10, true, 60s};
    world.rule.drain.settle = 10s;
    world.state().pin = weir::Pin{2, {}, "root"};
    Plan plan = world.cycle();
    CHECK(plan.steps.empty());
    CHECK(plan.services[0].endpoints == Texts{"i1:8001", "t1:8002"});
    CHECK(plan.services[0].replicas[2].stage == ReplicaStage::kDraining);
    plan = world.cycle();
    REQUIRE(texts(plan) == Texts{"give replica chat-3 notice"});
    const auto& notice = std::get<weir::DrainReplica>(plan.steps[0].action);
    CHECK(notice.signal->number == 10);
    CHECK(notice.node == "t2");
    CHECK(notice.told == "will be ended in 1m: 2 replicas wanted: pinned by root");
    world.set_ready(3, false);  // as its server says once it was told
    for (int i = 0; i < 5; ++i) CHECK(world.cycle().steps.empty());
    plan = world.cycle();
    CHECK(texts(plan) == Texts{"end replica chat-3"});
    CHECK(world.cycle().steps.empty());
    CHECK(world.state().failures == 0);
}

TEST_CASE(
    "a replica that asked for no signal, or for more time than the service gives, gets the service's time") {
    ServiceWorld world = three_ready();
    world.rule.drain.notice = 30s;
    world.job(3).notice = weir::NoticeSignal{10, true, 600s};
    world.state().pin = weir::Pin{2, {}, "root"};
    world.cycle();
    CHECK(texts(world.cycle()) == Texts{"give replica chat-3 notice"});
    world.cycle();
    world.cycle();
    CHECK(texts(world.cycle()) == Texts{"end replica chat-3"});
}

TEST_CASE("replicas that serve nobody go before those that do, and at once") {
    ServiceWorld world = three_ready();
    world.state().pin = weir::Pin{5, {}, "root"};
    world.cycle();
    world.run(4, "i2");  // starts; 5 waits
    world.cycle();
    world.state().pin = weir::Pin{3, {}, "root"};
    CHECK(texts(world.cycle()) == Texts{"end replica chat-5"});
    CHECK(texts(world.cycle()) == Texts{"end replica chat-4"});
    CHECK(world.cycle().steps.empty());
}

TEST_CASE("a replica that requeued itself while it was drained is ended as it waits") {
    ServiceWorld world = three_ready();
    world.state().pin = weir::Pin{2, {}, "root"};
    world.cycle();
    world.cycle();
    weir::Job& job = world.job(3);
    job.state = JobState::kPending;
    job.started.reset();
    job.nodes.clear();
    CHECK(texts(world.cycle()) == Texts{"end replica chat-3"});
}

TEST_CASE("a replica that had no notice yet stays when it is wanted again") {
    ServiceWorld world = three_ready();
    world.rule.drain.settle = 1min;
    world.state().pin = weir::Pin{2, {}, "root"};
    CHECK(world.cycle().services[0].endpoints.size() == 2);
    world.state().pin->count = 3;
    const Plan plan = world.cycle();
    CHECK(plan.steps.empty());
    CHECK(plan.services[0].endpoints.size() == 3);
}

TEST_CASE("a replica whose node goes home is off the endpoints, and lending ends it") {
    ServiceWorld world = three_ready();
    world.lend("t1", true);
    Plan plan = world.cycle();
    CHECK(plan.services[0].endpoints == Texts{"i1:8001", "t2:8003"});
    CHECK(plan.services[0].replicas[1].why == "its node goes home to train");
    CHECK(plan.steps.empty());
    world.set_ready(2, false);  // told to leave
    world.rule.ready_within = 20s;
    for (int i = 0; i < 10; ++i) CHECK(world.cycle().steps.empty());
    world.gentle = {"inference"};
    world.set_ready(2);
    CHECK(world.cycle().services[0].endpoints.size() == 3);
}

TEST_CASE("readiness comes and goes with the probes; one that is not known keeps what it was") {
    ServiceWorld world = three_ready();
    world.set_ready(2, false);
    CHECK(world.cycle().services[0].endpoints.size() == 2);
    world.set_ready(2);
    CHECK(world.cycle().services[0].endpoints.size() == 3);
    world.look().probes.clear();  // as after a restart
    CHECK(world.cycle().services[0].endpoints.size() == 3);
}

TEST_CASE("without a path a replica is ready as soon as it runs") {
    ServiceWorld world;
    world.rule.ready_path.clear();
    world.add(1, "i1");
    CHECK(world.cycle().services[0].endpoints == Texts{"i1:8001"});
}

TEST_CASE("a replica that ends before it is ready is tried again, each time later, and told") {
    ServiceWorld world;
    world.cycle();
    Plan plan;
    for (const auto wait : {30s, 60s, 120s, 240s}) {
        world.run(1, "i1");
        world.cycle();
        world.remove(1, "FAILED, exit code 1");
        plan = world.cycle();
        CHECK(plan.steps.empty());
        CHECK(plan.services[0].failure.ends_with("ended FAILED, exit code 1 before it was ready"));
        CHECK(plan.services[0].held.ends_with("the next try is in " + weir::to_text(wait)));
        const auto failed = world.snapshot.at - world.rule.period;
        while (world.snapshot.at < failed + wait) REQUIRE(world.cycle().steps.empty());
        plan = world.cycle();
        REQUIRE(texts(plan) == Texts{"start replica chat-1"});
    }
    CHECK(world.state().failures == 4);
    world.run(1, "i1");
    world.set_ready(1);
    world.pass(2min, 3);
    CHECK(world.state().failures == 0);
    CHECK(world.cycle().services[0].failure.empty());
}

TEST_CASE(
    "a replica that begins and ends between two looks has failed, and an older one of that number has not") {
    ServiceWorld world;
    world.cycle();
    world.remove(1, "FAILED, exit code 3");
    const Plan plan = world.cycle();
    CHECK(plan.steps.empty());
    CHECK(world.state().failures == 1);
    CHECK(plan.services[0].failure.ends_with("ended FAILED, exit code 3 before it was ready"));
    world.snapshot.at += 1min;
    CHECK(texts(world.cycle()) == Texts{"start replica chat-1"});
    world.cycle();
    CHECK(world.state().failures == 1);
}

TEST_CASE("a replica that worked and ends is replaced at once") {
    ServiceWorld world = three_ready();
    world.remove(2, "TIMEOUT");
    CHECK(texts(world.cycle()) == Texts{"start replica chat-2"});
    CHECK(world.state().failures == 0);
}

TEST_CASE("a replica that does not become ready in time is ended and counts as failed") {
    ServiceWorld world;
    world.rule.ready_within = 5min;
    world.cycle();
    world.run(1, "i1");
    CHECK(world.pass(5min, 3).steps.empty());
    const Plan plan = world.pass(10s, 3);
    CHECK(texts(plan) == Texts{"end replica chat-1"});
    CHECK(plan.steps[0].why == "it was not ready within 5m");
    CHECK(world.state().failures == 1);
}

TEST_CASE("a submission that is not seen is not repeated while Slurm may still have it") {
    ServiceWorld world;
    world.cycle();
    const auto jobs = world.snapshot.jobs;
    world.snapshot.jobs.clear();  // slurmctld has not told of it yet
    for (int i = 0; i < 6; ++i) CHECK(world.cycle().steps.empty());
    SECTION("it comes") {
        world.snapshot.jobs = jobs;
        CHECK(world.cycle().steps.empty());
        CHECK(world.state().attempts.empty());
    }
    SECTION("it never comes") {
        const Plan plan = world.cycle();
        CHECK(plan.services[0].failure == "chat-1 was submitted and never seen");
        CHECK(world.pass(1min, 3).services[0].wanted == 1);
        CHECK(world.jobs_alive() == 1);
    }
}

TEST_CASE("a submission that Slurm refuses counts as a failed start") {
    ServiceWorld world;
    Plan plan;
    plan.ledger = world.snapshot.ledger;
    weir::policies::services(world.snapshot, {world.rule}, {}, plan);
    record_refusal(plan.ledger, plan.steps[0], "sbatch: invalid account", world.snapshot.at);
    world.snapshot.ledger = plan.ledger;
    plan = world.cycle();
    CHECK(plan.steps.empty());
    CHECK(plan.services[0].held ==
          "chat-1 could not be submitted: sbatch: invalid account; the next try is in 30s");
}

TEST_CASE("a frozen service is watched and nothing is done about it") {
    ServiceWorld world = three_ready();
    world.rule.frozen = true;
    world.state().pin = weir::Pin{6, {}, "root"};
    world.set_ready(2, false);
    const Plan plan = world.pass(1min, 400);
    CHECK(plan.steps.empty());
    CHECK(plan.services[0].endpoints == Texts{"i1:8001", "t2:8003"});
    CHECK(plan.ledger.services[0].wanted == 3);
}

TEST_CASE("a service that weir.yaml no longer has is forgotten, and its jobs run on") {
    ServiceWorld world = three_ready();
    Plan plan;
    plan.ledger = world.snapshot.ledger;
    weir::policies::services(world.snapshot, {}, {}, plan);
    CHECK(plan.ledger.services.empty());
    CHECK(plan.steps.empty());
}

TEST_CASE("numbers are used once at a time and stay within twice the maximum") {
    ServiceWorld world = three_ready();
    world.rule.max = 3;
    world.rule.drain.notice = 1h;
    for (int number : {1, 2, 3}) {
        world.known(number).drain = weir::Drain{world.snapshot.at - 1min, "test", world.snapshot.at};
    }
    world.state().pin = weir::Pin{3, {}, "root"};
    world.cycle();
    world.cycle();
    std::set<int> numbers;
    for (const weir::Job& job : world.snapshot.jobs) CHECK(numbers.insert(job.replica->number).second);
    CHECK(numbers == std::set<int>{1, 2, 3, 4, 5, 6});
}

// Whatever happens, in any order.
TEST_CASE("properties that hold under random load, failures and loans") {
    for (unsigned seed = 1; seed <= 40; ++seed) {
        std::mt19937 draw(seed);
        const auto chance = [&](int percent) { return static_cast<int>(draw() % 100) < percent; };
        ServiceWorld world;
        world.rule.down_after = 30s;
        world.rule.drain = {10s, 20s};
        for (int cycle = 0; cycle < 400; ++cycle) {
            world.say(chance(70) ? static_cast<double>(draw() % 30) : 0);
            if (chance(5)) world.look().signals[0].latest.reset();
            auto jobs = world.snapshot.jobs;
            for (const weir::Job& job : jobs) {
                const int number = job.replica->number;
                if (job.state == JobState::kPending && chance(40))
                    world.run(number, world.snapshot.nodes[draw() % 6].name);
                else if (job.state == JobState::kRunning && chance(30))
                    world.set_ready(number, chance(90));
                else if (chance(3))
                    world.remove(number, "FAILED, exit code 1");
            }
            const Plan plan = world.cycle();
            const auto& report = plan.services[0];
            INFO("seed " << seed << ", cycle " << cycle);
            CHECK(report.wanted >= world.rule.min);
            CHECK(report.wanted <= world.rule.max);
            int started = 0;
            int running = 0;
            for (const auto& step : plan.steps) {
                started += std::holds_alternative<weir::SubmitReplica>(step.action) ? 1 : 0;
                CHECK_FALSE(step.why.empty());
                // Nothing that takes requests is told to leave or ended.
                if (const auto* drain = std::get_if<weir::DrainReplica>(&step.action)) {
                    for (const auto& replica : report.replicas)
                        if (replica.job == drain->job) CHECK(replica.stage == ReplicaStage::kDraining);
                }
            }
            CHECK(started <= world.rule.most_up);
            std::set<int> numbers;
            for (const weir::Job& job : world.snapshot.jobs) {
                CHECK(numbers.insert(job.replica->number).second);
                running += 1;
            }
            CHECK(running <= 2 * world.rule.max);
        }
        // Left alone with a quiet load it comes to rest at its least number.
        for (int i = 0; i < 300; ++i) {
            for (weir::Job& job : world.snapshot.jobs) {
                if (job.state == JobState::kPending) world.run(job.replica->number, "i1");
                world.set_ready(job.replica->number);
            }
            world.say(0);
            world.cycle();
        }
        CHECK(world.jobs_alive() == world.rule.min);
    }
}

}  // namespace
