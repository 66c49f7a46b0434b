// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/lend/world.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;
using policies::lend;

TEST_CASE("the reservation is made with the borrower's own nodes before anything is lent", "[reconcile]") {
    World world = small_world();
    world.reservations.clear();
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(plan.steps ==
          std::vector<Step>{
              {SetReservation{"inference", "weir_inference", true, {"i1", "i2"}, {"i1", "i2"}, {}},
               "the reservation of rule inference is missing",
               {}}});
    world.apply(plan);
    CHECK(lend(world.snapshot(), {small_rule()}).steps.empty());
}

TEST_CASE("a reservation that an admin deleted comes back without its loans, which wait", "[reconcile]") {
    World world = small_world();
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 8);
    world.pending(41, "inference", 2, 8);
    world.reservations.clear();
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(texts(plan) == Names{"create reservation weir_inference"});
    CHECK(plan.ledger.loans.empty());
    CHECK(plan.ledger.rules[0].lend_after == world.at + 5min);
}

TEST_CASE("a loan is confirmed once it is seen in the reservation", "[reconcile]") {
    World world = small_world();
    world.lent("t1").confirmed = false;
    world.running(101, "inference", {"t1"}, 8);
    CHECK(lend(world.snapshot(), {small_rule()}).ledger.loans[0].confirmed);
}

TEST_CASE("a loan whose write never happened is forgotten without a word", "[reconcile]") {
    World world = small_world();
    world.lent("t1").confirmed = false;
    world.reservations["weir_inference"].nodes = {"i1", "i2"};
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(plan.steps.empty());
    CHECK(plan.ledger == Ledger{});
}

TEST_CASE("a node that an admin took out by hand is let go, and lending pauses", "[reconcile]") {
    World world = small_world();
    world.lent("t1");
    world.reservations["weir_inference"].nodes = {"i1", "i2"};
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.pending(41, "inference", 1, 8);
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(plan.steps.empty());
    CHECK(plan.ledger.loans.empty());
    CHECK(plan.ledger.rules[0].lend_after == world.at + 5min);
}

TEST_CASE("a lendable node found in the reservation is a loan from now on", "[reconcile]") {
    World world = small_world();
    world.reserve("weir_inference", {"t2"});
    world.running(101, "inference", {"t2"}, 8);
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(plan.steps.empty());
    REQUIRE(lent_nodes(plan.ledger) == Names{"t2"});
    CHECK(plan.ledger.loans[0].why == "found in the reservation");
    CHECK(plan.ledger.loans[0].from == "train");
    CHECK(plan.ledger.loans[0].since == world.at);
}

TEST_CASE("foreign nodes leave the reservation and lost own ones return", "[reconcile]") {
    World world = small_world();
    world.add_nodes("z", 1, {"train"});
    world.reservations["weir_inference"].nodes = {"i1", "z1"};
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(plan.steps ==
          std::vector<Step>{
              {SetReservation{"inference", "weir_inference", false, {"i1", "i2"}, {"i2"}, {"z1"}},
               "the reservation lost i2, which is partition inference's own; z1 is neither inference's "
               "own nor lendable",
               {}}});
}

TEST_CASE("a reservation whose flags were changed is mended", "[reconcile]") {
    World world = small_world();
    world.reservations["weir_inference"].as_weir_makes_it = false;
    CHECK(texts(lend(world.snapshot(), {small_rule()})) == Names{"mend reservation weir_inference"});
}

TEST_CASE("a lent node that goes down is Slurm's affair", "[reconcile]") {
    World world = small_world();
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 8);
    world.nodes["t1"].state = NodeState::kDown;
    world.state().last_write = world.at;
    world.backfill_cycle = 30s;
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(texts(plan) == Names{"take t1 back from inference"});
    CHECK(plan.steps[0].why == "t1 is down");
    CHECK(plan.ledger.loans.empty());
}

TEST_CASE("a lent node that is drained or reserved goes home, its jobs run to their end", "[reconcile]") {
    World world = small_world();
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 8);
    SECTION("drained") {
        world.nodes["t1"].state = NodeState::kDraining;
    }
    SECTION("reserved") {
        world.nodes["t1"].reservation = "maintenance";
    }
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(texts(plan) == Names{"take t1 back from inference"});
    world.apply(plan);
    world.pass(1h);
    const Plan later = lend(world.snapshot(), {small_rule()});
    CHECK(later.steps.empty());
    CHECK(vacating_nodes(later.ledger) == Names{"t1"});
    world.end(101);
    CHECK(lend(world.snapshot(), {small_rule()}).ledger.loans.empty());
}

TEST_CASE("a lent node that nobody uses and that is drained is at home at once", "[reconcile]") {
    World world = small_world();
    world.lent("t1");
    world.nodes["t1"].state = NodeState::kDraining;
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(texts(plan) == Names{"take t1 back from inference"});
    CHECK(plan.ledger.loans.empty());
}

TEST_CASE("a loan of a node that Slurm no longer knows is forgotten", "[reconcile]") {
    World world = small_world();
    world.lent("t9");
    world.reservations["weir_inference"].nodes = {"i1", "i2"};
    CHECK(lend(world.snapshot(), {small_rule()}).ledger.loans.empty());
}

TEST_CASE("what is unused is remembered since when, and forgotten with the next job", "[reconcile]") {
    World world = small_world();
    world.lent("t1");
    world.apply(lend(world.snapshot(), {small_rule()}));
    CHECK(world.loan("t1").unused_since == world.at);
    world.running(101, "inference", {"t1"}, 8);
    world.apply(lend(world.snapshot(), {small_rule()}));
    CHECK_FALSE(world.loan("t1").unused_since);
}

TEST_CASE("a write that did not happen is tried again", "[reconcile]") {
    World world = small_world();
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 8);
    world.loan("t1").vacating = Vacating{world.at - 10s, "job 12 wanted it", {}, true, {}};
    CHECK(texts(lend(world.snapshot(), {small_rule()})) == Names{"take t1 back from inference"});
}

TEST_CASE("weir return brings every loan home, clears the jobs and deletes the reservation", "[return]") {
    World world = small_world();
    world.lent("t1");
    world.lent("t2", 1min);
    world.running(101, "inference", {"t1"}, 8);
    world.running(102, "inference", {"i1"}, 8);
    world.pending(41, "inference", 1, 8);
    world.pending(42, "inference", 1, 8).reservation.clear();
    world.state().held_home = true;
    const auto rule = small_rule();
    auto cycle = [&] {
        const Plan plan = lend(world.snapshot(), {rule});
        world.apply(plan);
        world.pass(1min);
        return texts(plan);
    };
    CHECK(cycle() == Names{"take t1,t2 back from inference"});
    CHECK(cycle() == Names{"give job 101 on t1 notice"});
    CHECK(cycle() == Names{});
    CHECK(cycle() == Names{"requeue job 101 on t1"});
    CHECK(cycle() == Names{"free job 41 from its reservation", "free job 101 from its reservation",
                           "free job 102 from its reservation"});
    CHECK(cycle() == Names{"delete reservation weir_inference"});
    CHECK(cycle() == Names{});
    world.state().held_home = false;
    CHECK(cycle().front() == "create reservation weir_inference");
}

TEST_CASE("a rule that cannot work says why and leaves everything as it is", "[problem]") {
    World world = small_world();
    world.lent("t1");
    world.nodes["t1"].state = NodeState::kDown;
    auto rule = small_rule();
    std::string problem;
    std::vector<policies::LendRule> rules;
    SECTION("a partition is missing") {
        rule.from = {"trian"};
        problem = "there is no partition trian";
    }
    SECTION("no own node") {
        world.partitions["inference"] = {"t1", "t2"};
        problem =
            "partition inference has no node of its own; Weir needs at least one, since a Slurm reservation "
            "cannot be "
            "empty";
    }
    SECTION("two rules claim a node") {
        auto other = small_rule();
        other.name = "batch";
        other.from = {"inference"};
        other.to = "batch";
        world.partitions["batch"] = {"i1"};
        world.add_nodes("b", 1, {"batch"});
        rules.push_back(other);
        problem = "rule batch claims node i1 too";
    }
    rules.insert(rules.begin(), rule);
    const Plan plan = lend(world.snapshot(), rules);
    CHECK(plan.steps.empty());
    CHECK(plan.rules[0].problem == problem);
    CHECK(plan.ledger == world.ledger);
}

TEST_CASE("two rules never lend the same node", "[rules]") {
    World world = small_world(1);
    world.add_nodes("b", 1, {"batch"});
    world.partitions["batch"].push_back("t1");
    world.reserve("weir_batch", {"b1"});
    auto other = small_rule();
    other.name = other.to = "batch";
    auto rule = small_rule();
    rule.also = {"batch"};
    other.also = {"inference"};
    world.running(1, "inference", {"i1", "i2"}, 8);
    world.running(2, "batch", {"b1"}, 8);
    world.pending(41, "inference", 1, 8);
    world.pending(42, "batch", 1, 8).reservation = "weir_batch";
    const Plan plan = lend(world.snapshot(), {rule, other});
    CHECK(texts(plan) == Names{"lend t1 to inference"});
    CHECK(plan.rules[1].held_back == "no idle node of train that would help");
}

TEST_CASE("loans of a rule that left the policy are kept untouched", "[rules]") {
    World world = small_world();
    world.lent("t1");
    const Plan plan = lend(world.snapshot(), {});
    CHECK(plan.steps.empty());
    CHECK(plan.ledger == world.ledger);
}

TEST_CASE("a lent node that slurmctld has not heard of yet stays lent", "[reconcile]") {
    World world = small_world();
    world.lent("t1");
    world.running(101, "inference", {"t1"}, 8);
    world.nodes.at("t1").state = NodeState::kUnknown;
    const Plan plan = lend(world.snapshot(), {small_rule()});
    CHECK(texts(plan) == Names{});
    CHECK(plan.ledger.loans.size() == 1);
}
