// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/lend/world.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;
using policies::lend;

namespace {

// t1 ... t4 lent and used by jobs 101 ... 104, which have run for 10, 20, 30 and 40 minutes.
World lent_out() {
    World world = small_world();
    for (std::uint32_t i = 1; i <= 4; ++i) {
        const std::string node = "t" + std::to_string(i);
        world.lent(node);
        world.running(100 + i, "inference", {node}, 8, 10min * i);
    }
    return world;
}

}  // namespace

TEST_CASE("an owner's job that has waited long gets the cheapest lent nodes back", "[reclaim]") {
    World world = lent_out();
    world.pending(12, "train", 2, 8, 6min);
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(texts(plan) == Names{"take t1,t2 back from inference"});
    CHECK(
        plan.steps[0].why ==
        "job 12 has waited 6m in train for 2 nodes with 8 GPUs each and nothing else would free them sooner");
    CHECK(plan.steps[0].jobs == std::vector<JobId>{{12}});
    CHECK(vacating_nodes(plan.ledger) == Names{"t1", "t2"});
    REQUIRE(plan.ledger.rules.size() == 1);
    CHECK(plan.ledger.rules[0].backoff == Duration(5min));
    CHECK(plan.ledger.rules[0].last_flip == world.at);
    CHECK(plan.ledger.rules[0].lend_after == world.at + 5min);
}

TEST_CASE("nothing is taken back", "[reclaim]") {
    World world = lent_out();
    Job& job = world.pending(12, "train", 1, 8, 6min);
    auto rule = small_rule();
    SECTION("before the job has waited long") {
        job.eligible = world.at - 4min;
    }
    SECTION("for a job that Slurm starts as soon") {
        job.expected_start = world.at + 2min;
    }
    SECTION("for a job that not even all lent nodes would help") {
        job.request.nodes_min = 5;
    }
    SECTION("for a job that capacity would not help") {
        job.waits_for = WaitsFor::kOther;
    }
    SECTION("for what the model cannot express") {
        job.request.beyond_model = "licences";
    }
    SECTION("for a job that names a reservation") {
        job.reservation = "course";
    }
    SECTION("when jobs on lent nodes may stay") {
        rule.reclaim.then = Ending::kLeave;
    }
    SECTION("when the loans are young") {
        for (Loan& loan : world.ledger.loans) loan.since = world.at - 14min;
    }
    SECTION("from jobs that cannot be requeued") {
        for (std::uint32_t i = 1; i <= 4; ++i) world.jobs[100 + i].job.requeueable = false;
    }
    const Plan plan = lend(world.snapshot(), {rule});
    CHECK(plan.steps.empty());
    CHECK(lent_nodes(plan.ledger) == Names{"t1", "t2", "t3", "t4"});
}

TEST_CASE("nodes that nobody uses go back first, however young the loan", "[reclaim]") {
    World world = lent_out();
    world.end(103);
    world.loan("t3").since = world.at - 1min;
    world.pending(12, "train", 1, 8, 6min);
    auto rule = small_rule();
    rule.reclaim.then = GENERATE(Ending::kRequeue, Ending::kLeave, Ending::kCancel);
    CHECK(vacating_nodes(lend(world.snapshot(), {rule}).ledger) == Names{"t3"});
}

TEST_CASE("free nodes are counted before lent ones", "[reclaim]") {
    World world = lent_out();
    world.add_nodes("u", 1, {"train"});
    world.pending(12, "train", 2, 8, 6min);
    CHECK(vacating_nodes(lend(world.snapshot(), {small_rule()}).ledger) == Names{"t1"});
}

TEST_CASE("a job that fits what is free disturbs nobody", "[reclaim]") {
    World world = lent_out();
    world.add_nodes("u", 1, {"train"});
    world.pending(12, "train", 1, 8, 6min);
    CHECK(lend(world.snapshot(), {small_rule()}).steps.empty());
}

TEST_CASE("stopping one job of several nodes is weighed once", "[reclaim]") {
    World world = small_world(3);
    for (const auto* node : {"t1", "t2", "t3"}) world.lent(node);
    world.running(101, "inference", {"t1"}, 8, 50min);
    world.running(102, "inference", {"t2", "t3"}, 8, 20min);
    world.pending(12, "train", 2, 8, 6min);
    // t1 alone costs 8 x 50, t2 and t3 together 16 x 20.
    CHECK(vacating_nodes(lend(world.snapshot(), {small_rule()}).ledger) == Names{"t2", "t3"});
}

TEST_CASE("nodes on their way home are not taken twice for a second job", "[reclaim]") {
    World world = lent_out();
    world.pending(12, "train", 2, 8, 6min);
    world.apply(lend(world.snapshot(), {small_rule()}));
    world.pass(10s);
    const Plan again = lend(world.snapshot(), {small_rule()});
    CHECK(vacating_nodes(again.ledger) == Names{"t1", "t2"});
    world.pending(13, "train", 1, 8, 6min);
    CHECK(vacating_nodes(lend(world.snapshot(), {small_rule()}).ledger) == Names{"t1", "t2", "t3"});
}

TEST_CASE("backoff doubles while flips follow each other, up to its maximum", "[reclaim]") {
    World world = lent_out();
    world.pending(12, "train", 1, 8, 6min);
    world.state().backoff = 40min;
    auto rule = small_rule();
    SECTION("soon after") {
        world.state().last_flip = world.at - 100min;
        CHECK(lend(world.snapshot(), {rule}).ledger.rules[0].backoff == Duration(1h));
    }
    SECTION("long after") {
        world.state().last_flip = world.at - 101min;
        CHECK(lend(world.snapshot(), {rule}).ledger.rules[0].backoff == Duration(5min));
    }
}

TEST_CASE("a reclaim does not wait for the spacing of writes", "[reclaim]") {
    World world = lent_out();
    world.pending(12, "train", 1, 8, 6min);
    world.state().last_write = world.at;
    world.backfill_cycle = 1min;
    CHECK(texts(lend(world.snapshot(), {small_rule()})) == Names{"take t1 back from inference"});
}

TEST_CASE("keep_idle is restored from lent nodes without a job only", "[reclaim]") {
    World world = lent_out();
    world.end(104);
    world.loan("t4").unused_since = world.at - 5s;
    auto rule = small_rule();
    rule.keep_idle = 2;
    const Plan plan = lend(world.snapshot(), {rule});
    CHECK(texts(plan) == Names{"take t4 back from inference"});
    CHECK(plan.steps[0].why == "train shall keep 2 idle nodes and 0 are left");
    CHECK(plan.ledger.rules.empty());
    world.apply(plan);
    world.pass(10s);
    CHECK(lend(world.snapshot(), {rule}).steps.empty());
}

TEST_CASE("a reclaimed node's job gets notice once the node is out, time, and then is requeued", "[vacate]") {
    World world = lent_out();
    world.pending(12, "train", 1, 8, 6min);
    const auto rule = small_rule();
    world.apply(lend(world.snapshot(), {rule}));
    world.pass(10s);
    const Plan notice = lend(world.snapshot(), {rule});
    Step expected{
        NotifyJob{{101},
                  "101",
                  "inference",
                  "t1",
                  std::nullopt,
                  "will be requeued in 2m: t1 goes home to train, whose own jobs wait for it"},
        "t1 goes home to train: job 12 has waited 6m in train for 1 node with 8 GPUs and nothing else would "
        "free it sooner",
        {{12}, {101}}};
    CHECK(notice.steps == std::vector<Step>{expected});
    world.apply(notice);
    world.pass(119s);
    CHECK(lend(world.snapshot(), {rule}).steps.empty());
    world.pass(1s);
    CHECK(texts(lend(world.snapshot(), {rule})) == Names{"requeue job 101 on t1"});
    CHECK(steps_of<EndJob>(lend(world.snapshot(), {rule}))[0].told ==
          "requeued: its notice of 2m has run out; t1 goes home to train, whose own jobs wait for it");
    world.apply(lend(world.snapshot(), {rule}));
    world.pass(10s);
    const Plan done = lend(world.snapshot(), {rule});
    CHECK(done.steps.empty());
    CHECK(lent_nodes(done.ledger) == Names{"t2", "t3", "t4"});
    CHECK(vacating_nodes(done.ledger).empty());
}

TEST_CASE("a cleared node is only at home once its last job has left", "[vacate]") {
    World world = lent_out();
    world.pending(12, "train", 1, 8, 6min);
    world.apply(lend(world.snapshot(), {small_rule()}));
    world.jobs[101].job.state = JobState::kCompleting;
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(plan.steps.empty());
    CHECK(vacating_nodes(plan.ledger) == Names{"t1"});
}

TEST_CASE("a job on several lent nodes is told once and ended once", "[vacate]") {
    World world = small_world(2);
    world.lent("t1");
    world.lent("t2");
    world.running(101, "inference", {"t1", "t2"}, 8);
    world.pending(12, "train", 2, 8, 6min);
    auto rule = small_rule();
    rule.reclaim.then = Ending::kCancel;
    world.apply(lend(world.snapshot(), {rule}));
    const Plan notice = lend(world.snapshot(), {rule});
    CHECK(texts(notice) == Names{"give job 101 on t1 notice"});
    world.apply(notice);
    CHECK(lend(world.snapshot(), {rule}).steps.empty());
    world.pass(2min);
    CHECK(texts(lend(world.snapshot(), {rule})) == Names{"cancel job 101 on t1"});
}

TEST_CASE("a job that started in between gets its own full notice", "[vacate]") {
    World world = small_world(1);
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 4);
    world.pending(12, "train", 1, 8, 6min);
    const auto rule = small_rule();
    world.apply(lend(world.snapshot(), {rule}));
    world.apply(lend(world.snapshot(), {rule}));
    world.pass(2min);
    world.running(102, "inference", {"t1"}, 4, 5s);
    const Plan plan = lend(world.snapshot(), {rule});
    CHECK(texts(plan) == Names{"give job 102 on t1 notice", "requeue job 101 on t1"});
}

TEST_CASE("a job that ran again after its notice gets a new one", "[vacate]") {
    World world = small_world(1);
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 4);
    world.pending(12, "train", 1, 8, 6min);
    const auto rule = small_rule();
    world.apply(lend(world.snapshot(), {rule}));
    world.apply(lend(world.snapshot(), {rule}));
    world.pass(3min);
    world.jobs[101].job.started = world.at - 5s;
    CHECK(texts(lend(world.snapshot(), {rule})) == Names{"give job 101 on t1 notice"});
}

TEST_CASE("an owner's job on a vacating node is never touched", "[vacate]") {
    World world = small_world(1);
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 4);
    world.pending(12, "train", 1, 8, 6min);
    world.apply(lend(world.snapshot(), {small_rule()}));
    world.running(13, "train", {"t1"}, 4, 5s);
    CHECK(texts(lend(world.snapshot(), {small_rule()})) == Names{"give job 101 on t1 notice"});
}

TEST_CASE("nobody is stopped for an owner's job that no longer waits", "[vacate]") {
    World world = lent_out();
    world.pending(12, "train", 1, 8, 6min);
    const auto rule = small_rule();
    world.apply(lend(world.snapshot(), {rule}));
    world.end(12);
    const Plan plan = lend(world.snapshot(), {rule});
    CHECK(plan.steps.empty());
    CHECK_FALSE(plan.ledger.loans[0].vacating->stops_jobs);
    world.apply(plan);
    world.pending(13, "train", 1, 8, 6min);  // the next one may have it
    const Plan again = lend(world.snapshot(), {rule});
    CHECK(again.ledger.loans[0].vacating->for_job == JobId{13});
    CHECK(again.ledger.loans[0].vacating->stops_jobs);
}

TEST_CASE("a job is told to leave as it asked, and has as long as it asked within the rule's notice",
          "[reclaim]") {
    World world = small_world();
    world.lent("t1").vacating = Vacating{world.at, "its owner wants it", {}, true, {}};
    world.reservations["weir_inference"].nodes = {"i1", "i2"};
    Job& job = world.running(101, "inference", {"t1"}, 8);
    job.requeueable = true;
    const auto told = [&] {
        const auto steps = steps_of<NotifyJob>(lend(world.snapshot(), {small_rule()}));
        REQUIRE(steps.size() == 1);
        return std::pair(steps[0].signal, steps[0].told.substr(0, steps[0].told.find(':')));
    };
    CHECK(told() == std::pair(std::optional<NoticeSignal>(), std::string("will be requeued in 2m")));
    job.notice = NoticeSignal{10, true, {}};  // of --signal
    CHECK(told() == std::pair(job.notice, std::string("will be requeued in 2m")));
    job.checkpoint = Checkpoint{12, 30s, {}, {}};
    CHECK(told() ==
          std::pair(std::optional(NoticeSignal{12, true, 30s}), std::string("will be requeued in 30s")));
    job.notice = NoticeSignal{15, true, 45s};  // of --weir-notice
    CHECK(told() == std::pair(job.notice, std::string("will be requeued in 45s")));
    job.notice->within = 10min;
    CHECK(told() == std::pair(job.notice, std::string("will be requeued in 2m")));
}

TEST_CASE("a notice that is shorter than the rule's ends sooner", "[reclaim]") {
    World world = small_world();
    world.lent("t1").vacating =
        Vacating{world.at - 1min, "its owner wants it", {}, true, {{{101}, world.at - 30s}}};
    world.reservations["weir_inference"].nodes = {"i1", "i2"};
    Job& job = world.running(101, "inference", {"t1"}, 8);
    job.requeueable = true;
    CHECK(steps_of<EndJob>(lend(world.snapshot(), {small_rule()})).empty());
    job.notice = NoticeSignal{15, true, 30s};
    const auto ended = steps_of<EndJob>(lend(world.snapshot(), {small_rule()}));
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].told ==
          "requeued: its notice of 30s has run out; t1 goes home to train: its owner wants it");
}

TEST_CASE("loans that go home one after the other in one movement count as one flip", "[reclaim]") {
    World world = small_world();
    world.state().backoff = 5min;
    world.state().last_flip = world.at - 1s;
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 8).requeueable = true;
    for (const char* node : {"t2", "t3", "t4", "t5", "t6"})
        if (world.nodes.contains(node)) world.nodes.at(node).state = NodeState::kDraining;
    Job& wants = world.pending(12, "train", 1, 8);
    wants.eligible = world.at - 1h;
    const Plan plan = lend(world.snapshot(), {small_rule()});
    REQUIRE(plan.ledger.loans.size() == 1);
    REQUIRE(plan.ledger.loans[0].vacating);
    CHECK(plan.ledger.rules[0].backoff == 5min);
    CHECK(plan.ledger.rules[0].lend_after == world.at + 5min);
}
