// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/lend/world.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;
using policies::lend;

TEST_CASE("an idle owner node is lent to a borrower's job that has no room", "[lend]") {
    World world = small_world();
    world.running(1, "inference", {"i1"}, 8);
    world.running(2, "inference", {"i2"}, 8);
    world.pending(41, "inference", 1, 8);
    const Plan plan = lend(world.snapshot(), {small_rule()});

    Plan expected;
    expected.steps = {{SetReservation{"inference", "weir_inference", false, {"i1", "i2", "t1"}, {"t1"}, {}},
                       "job 41 waits in inference for 1 node with 8 GPUs",
                       {JobId{41}}}};
    Loan loan;
    loan.rule = "inference";
    loan.node = "t1";
    loan.from = "train";
    loan.since = world.at;
    loan.why = "job 41 waits in inference for 1 node with 8 GPUs";
    loan.for_job = JobId{41};
    expected.ledger.loans = {loan};
    RuleReport report;
    report.rule = "inference";
    report.reservation = "weir_inference";
    report.from = {"train"};
    report.to = "inference";
    report.own = 2;
    report.lendable = 4;
    report.owner_idle = 3;
    report.wanted = 1;
    report.waiting_jobs = 1;
    expected.rules = {report};
    CHECK(plan == expected);
}

TEST_CASE("nothing is lent while the borrower's own nodes have room", "[lend]") {
    World world = small_world();
    world.running(1, "inference", {"i1"}, 4);
    world.pending(41, "inference", 1, 4);
    world.pending(42, "inference", 1, 8);
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(plan.steps.empty());
    CHECK(plan.rules[0].borrower_free_gpus == 0);
}

TEST_CASE("small jobs are packed onto as few lent nodes as hold them", "[lend]") {
    World world = small_world();
    world.running(1, "inference", {"i1"}, 8);
    world.running(2, "inference", {"i2"}, 8);
    for (std::uint32_t id = 40; id < 50; ++id) world.pending(id, "inference", 1, 1);
    CHECK(lent_nodes(lend(world.snapshot(), {small_rule()}).ledger) == Names{"t1", "t2"});
}

TEST_CASE("a job of several nodes uses what is free and gets only the rest lent", "[lend]") {
    World world = small_world();
    world.running(1, "inference", {"i1"}, 8);
    world.pending(41, "inference", 3, 8);
    CHECK(lent_nodes(lend(world.snapshot(), {small_rule()}).ledger) == Names{"t1", "t2"});
}

TEST_CASE("a job that cannot be served whole gets nothing, the next one may", "[lend]") {
    World world = small_world();
    world.running(1, "inference", {"i1"}, 8);
    world.running(2, "inference", {"i2"}, 8);
    world.pending(41, "inference", 3, 8).priority = 9;
    world.pending(42, "inference", 1, 8);
    auto rule = small_rule();
    rule.max_lent = 2;
    const Plan plan = lend(world.snapshot(), {rule});
    CHECK(lent_nodes(plan.ledger) == Names{"t1"});
    CHECK(plan.ledger.loans[0].for_job == JobId{42});
    CHECK(plan.rules[0].wanted == 4);
    CHECK(plan.rules[0].held_back == "max_lent is 2");
}

TEST_CASE("keep_idle and backoff hold loans back and say so", "[lend]") {
    World world = small_world();
    world.pending(41, "inference", 1, 8).count = 6;
    auto rule = small_rule();
    SECTION("keep_idle") {
        rule.keep_idle = 3;
        const Plan plan = lend(world.snapshot(), {rule});
        CHECK(lent_nodes(plan.ledger) == Names{"t1"});
        CHECK(plan.rules[0].wanted == 4);
        CHECK(plan.rules[0].held_back == "train keeps 3 idle nodes");
    }
    SECTION("backoff") {
        world.state().lend_after = world.at + 3min;
        const Plan plan = lend(world.snapshot(), {rule});
        CHECK(plan.steps.empty());
        CHECK(plan.rules[0].wanted == 4);
        CHECK(plan.rules[0].held_back == "backoff for another 3m");
    }
    SECTION("write spacing") {
        world.state().last_write = world.at - 10s;
        world.backfill_cycle = 15s;
        const Plan plan = lend(world.snapshot(), {rule});
        CHECK(plan.steps.empty());
        CHECK(plan.rules[0].held_back == "the reservation was just written; next change in 20s");
    }
    SECTION("no idle node") {
        world.running(5, "train", {"t1", "t2", "t3", "t4"}, 1);
        const Plan plan = lend(world.snapshot(), {rule});
        CHECK(plan.steps.empty());
        CHECK(plan.rules[0].wanted == 4);
        CHECK(plan.rules[0].held_back == "no idle node of train that would help");
    }
}

TEST_CASE("jobs that capacity would not help ask for nothing", "[lend]") {
    World world = small_world();
    world.running(1, "inference", {"i1", "i2"}, 8);
    Job& job = world.pending(41, "inference", 1, 8);
    SECTION("a dependency") {
        job.waits_for = WaitsFor::kOther;
    }
    SECTION("not yet eligible") {
        job.eligible.reset();
    }
    SECTION("another reservation") {
        job.reservation = "maintenance";
    }
    SECTION("beyond the model") {
        job.request.beyond_model = "it asks for alternatives of features";
    }
    SECTION("another GPU type") {
        job.request.gpu_type = "b200";
    }
    SECTION("a feature nobody has") {
        job.request.features = {"nvme"};
    }
    SECTION("more GPUs than a node has") {
        job.request.gpus_per_node = 9;
    }
    SECTION("another partition too") {
        world.jobs[41].partitions = {"inference", "train"};
    }
    CHECK(lent_nodes(lend(world.snapshot(), {small_rule()}).ledger).empty());
}

TEST_CASE("a job whose begin time Weir set counts, is named and started", "[lend]") {
    World world = small_world();
    world.running(1, "inference", {"i1", "i2"}, 8);
    Job& job = world.pending(41, "inference", 1, 8);
    job.reservation.clear();
    job.waits_for = WaitsFor::kBeginTime;
    job.eligible.reset();
    job.begin = job.begin_set_by_weir = world.at + 30s;
    CHECK(texts(lend(world.snapshot(), {small_rule()})) ==
          Names{"lend t1 to inference", "let job 41 use reservation weir_inference"});
    CHECK(steps_of<NameReservation>(lend(world.snapshot(), {small_rule()}))[0].start_now);
}

TEST_CASE("only idle, undisturbed nodes of exactly the rule's partitions are lent", "[lend]") {
    World world = small_world(1);
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.pending(41, "inference", 1, 1);
    auto rule = small_rule();
    Names expected;
    SECTION("busy") {
        world.running(2, "train", {"t1"}, 1);
    }
    SECTION("planned") {
        world.nodes["t1"].planned = true;
    }
    SECTION("in an admin's reservation") {
        world.nodes["t1"].reservation = "maintenance";
    }
    SECTION("draining") {
        world.nodes["t1"].state = NodeState::kDraining;
    }
    SECTION("down") {
        world.nodes["t1"].state = NodeState::kDown;
    }
    SECTION("being woken for somebody") {
        world.nodes["t1"].state = NodeState::kPoweringUp;
    }
    SECTION("in another of Weir's reservations") {
        world.reserve("weir_gone", {"t1"});
    }
    SECTION("reached by a third partition") {
        world.partitions["debug"] = {"t1"};
    }
    SECTION("powered down is fine") {
        world.nodes["t1"].state = NodeState::kPoweredDown;
        expected = {"t1"};
    }
    SECTION("a third partition that the admin listed is fine") {
        world.partitions["debug"] = {"t1"};
        rule.also = {"debug"};
        expected = {"t1"};
    }
    CHECK(lent_nodes(lend(world.snapshot(), {rule}).ledger) == expected);
}

TEST_CASE("a lent node that sleeps counts as room, so that no second one is lent", "[lend]") {
    World world = small_world();
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.lent("t1", 20s);
    world.nodes["t1"].state = NodeState::kPoweredDown;
    world.pending(41, "inference", 1, 8);
    CHECK(lend(world.snapshot(), {small_rule()}).steps.empty());
}

TEST_CASE("nodes that an owner's waiting job will use are not lent", "[lend]") {
    World world = small_world(2);
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.pending(41, "inference", 1, 8);
    world.pending(7, "train", 2, 8, 1s);
    CHECK(lend(world.snapshot(), {small_rule()}).steps.empty());
}

TEST_CASE("free nodes that a reclaim would soon take back are not lent", "[lend]") {
    World world = small_world(2);
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.lent("t1", 1min);
    world.running(2, "inference", {"t1"}, 8, 50s);
    world.pending(41, "inference", 1, 8);
    world.pending(7, "train", 2, 8, 10min);  // t1 is within min_loan
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(plan.steps.empty());
    CHECK(plan.rules[0].wanted == 1);
}

TEST_CASE("nodes that another partition reaches are not lent, and that partition is named", "[lend]") {
    World world = small_world();
    world.partitions["debug"] = {"t1", "t2", "t3", "t4"};
    world.running(1, "inference", {"i1"}, 8);
    world.running(2, "inference", {"i2"}, 8);
    world.pending(11, "inference", 1, 8);
    auto rule = small_rule();
    const Plan plan = lend(world.snapshot(), {rule});
    CHECK(plan.steps.empty());
    CHECK(plan.rules[0].held_back ==
          "4 idle nodes of train cannot be lent: partition debug reaches them too and is not in also:");
    rule.also = {"debug"};
    CHECK(lent_nodes(lend(world.snapshot(), {rule}).ledger) == Names{"t1"});
}

TEST_CASE("spare GPUs are made ready before anybody waits, and kept", "[lend]") {
    World world = small_world();
    world.running(1, "inference", {"i1"}, 8);
    world.running(2, "inference", {"i2"}, 6);
    auto rule = small_rule();
    rule.spare_gpus = {{"h100", 8}};
    const Plan plan = lend(world.snapshot(), {rule});
    CHECK(lent_nodes(plan.ledger) == Names{"t1"});
    CHECK(plan.ledger.loans[0].why == "spare: 8 h100 GPUs shall stand ready and 2 do");
    world.apply(plan);
    world.pass(1h);
    CHECK(lend(world.snapshot(), {rule}).steps.empty());
    world.pass(1h);
    CHECK(lend(world.snapshot(), {rule}).steps.empty());
}

TEST_CASE("a lent node nobody uses goes home, unless a job needs it", "[lend]") {
    World world = small_world();
    world.lent("t1");
    world.loan("t1").unused_since = world.at - 10min;
    SECTION("nobody") {
        const Plan plan = lend(world.snapshot(), {small_rule()});
        CHECK(texts(plan) == Names{"take t1 back from inference"});
        CHECK(plan.steps[0].why == "nobody has used it for 10m");
        world.apply(plan);
        world.pass(10s);
        const Plan next = lend(world.snapshot(), {small_rule()});
        CHECK(next.steps.empty());
        CHECK(next.ledger.loans.empty());
    }
    SECTION("a job") {
        world.running(1, "inference", {"i1", "i2"}, 8);
        world.pending(41, "inference", 1, 8);
        CHECK(lend(world.snapshot(), {small_rule()}).steps.empty());
    }
    SECTION("not yet so long") {
        world.loan("t1").unused_since = world.at - 9min;
        CHECK(lend(world.snapshot(), {small_rule()}).steps.empty());
    }
    SECTION("a write just happened") {
        world.state().last_write = world.at;
        world.backfill_cycle = 5s;
        CHECK(lend(world.snapshot(), {small_rule()}).steps.empty());
    }
}

TEST_CASE("leftovers of broken blocks are lent before a whole block is broken", "[lend]") {
    World world = small_world(6);
    for (auto& [name, node] : world.nodes)
        if (name[0] == 't') node.block = name < "t4" ? "a" : "b";
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.running(2, "train", {"t5"}, 8);
    world.pending(41, "inference", 1, 8);
    CHECK(lent_nodes(lend(world.snapshot(), {small_rule()}).ledger) == Names{"t4"});
    world.pending(42, "inference", 2, 8);
    CHECK(lent_nodes(lend(world.snapshot(), {small_rule()}).ledger) == Names{"t1", "t4", "t6"});
}

TEST_CASE("a broken NVLink domain is lent from before a whole one, in whichever block it is", "[lend]") {
    World world = small_world(6);
    for (auto& [name, node] : world.nodes) {
        if (name[0] != 't') continue;
        node.block = "a";
        node.nvlink_domain = name < "t4" ? "rack1" : "rack2";
    }
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.running(2, "train", {"t5"}, 8);
    world.pending(41, "inference", 1, 8);
    CHECK(lent_nodes(lend(world.snapshot(), {small_rule()}).ledger) == Names{"t4"});
    world.pending(42, "inference", 2, 8);
    CHECK(lent_nodes(lend(world.snapshot(), {small_rule()}).ledger) == Names{"t1", "t4", "t6"});
}

TEST_CASE("awake nodes and light ones are lent first", "[lend]") {
    World world = small_world(3);
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.pending(41, "inference", 1, 8);
    world.nodes["t1"].state = NodeState::kPoweredDown;
    world.nodes["t2"].weight = 5;
    CHECK(lent_nodes(lend(world.snapshot(), {small_rule()}).ledger) == Names{"t3"});
}

TEST_CASE("who may not enter the reservation asks for nothing and is not named", "[lend]") {
    World world = small_world();
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.pending(41, "inference", 1, 8).reservation.clear();
    auto rule = small_rule();
    SECTION("not listed") {
        rule.users = {"bob"};
    }
    SECTION("excluded") {
        rule.users = {"-alice"};
    }
    SECTION("account") {
        rule.accounts = {"web"};
    }
    CHECK(lend(world.snapshot(), {rule}).steps.empty());
}

TEST_CASE("at most a hundred jobs are named in a cycle, those that wait on Weir first", "[lend]") {
    World world = small_world();
    for (std::uint32_t id = 1; id <= 150; ++id) {
        Job& job = world.pending(id, "inference", 1, 1);
        job.waits_for = WaitsFor::kOther;
        job.reservation.clear();
        if (id == 150) job.begin = job.begin_set_by_weir = world.at + 5s;
    }
    const auto named = steps_of<NameReservation>(lend(world.snapshot(), {small_rule()}));
    REQUIRE(named.size() == 100);
    CHECK(named[0].job == JobId{150});
    CHECK(named[1].job == JobId{1});
}

TEST_CASE("a job is not named while no node of the reservation could ever suit it", "[lend]") {
    World world = small_world();
    Job& job = world.pending(41, "inference", 1, 8);
    job.reservation.clear();
    job.request.gpu_type = "a100";
    CHECK(steps_of<NameReservation>(lend(world.snapshot(), {small_rule()})).empty());
}

TEST_CASE("a job that Slurm gave up for want of a suiting node is named again when one is there", "[lend]") {
    World world = small_world();
    Job& job = world.pending(41, "inference", 1, 8);
    job.reservation = "weir_inference";
    job.given_up = true;
    const Plan plan = lend(world.snapshot(), {small_rule()});
    REQUIRE(steps_of<NameReservation>(plan).size() == 1);
    CHECK(steps_of<NameReservation>(plan)[0].job == JobId{41});
    CHECK(plan.steps.back().why == "a node that suits job 41 is there again, and Slurm had given it up");
}

TEST_CASE("a job that Slurm refused lately is not named again at once", "[lend]") {
    World world = small_world();
    Job& job = world.pending(41, "inference", 1, 8);
    job.reservation.clear();
    job.refused = true;
    CHECK(steps_of<NameReservation>(lend(world.snapshot(), {small_rule()})).empty());
}
