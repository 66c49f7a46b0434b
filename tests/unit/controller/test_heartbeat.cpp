// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/heartbeat.h"

#include <catch2/catch.hpp>

#include "plugin/job_submit/heartbeat.h"

using namespace weir;
using namespace weir::controller;

namespace {

Snapshot two_nodes() {
    Snapshot snapshot;
    snapshot.at = Time(Duration(5000));
    for (const char* name : {"i1", "t1"}) {
        Node node;
        node.name = name;
        node.cpus = 64;
        node.memory = 1000;
        node.gpus = {{"h100", 8, 3}};
        snapshot.nodes.push_back(node);
    }
    snapshot.reservations = {{"weir_inference", {"i1", "t1"}, true}};
    return snapshot;
}

config::Policy acting() {
    config::Policy policy;
    policy.mode = policies::Mode::kAct;
    policy.lend.emplace_back();
    policy.lend[0].name = "inference";
    policy.lend[0].from = {"train"};
    policy.lend[0].to = "inference";
    return policy;
}

job_submit::Heartbeat heartbeat(const Snapshot& snapshot, const Plan& plan, const config::Policy& policy) {
    Uids uids;
    const auto read = job_submit::parse(heartbeat_text(snapshot, plan, policy, Duration(30), uids));
    REQUIRE(read);
    return *read;
}

}  // namespace

TEST_CASE("the heartbeat tells what nodes stand in the reservation", "[heartbeat]") {
    const auto beat = heartbeat(two_nodes(), {}, acting());
    REQUIRE(beat.rules.size() == 1);
    CHECK(beat.at == 5000);
    CHECK(beat.rules[0].partition == "inference");
    CHECK_FALSE(beat.rules[0].restricted);
    CHECK(beat.rules[0].shapes == std::vector<job_submit::Shape>{{2, 64, 1000, {{"h100", 8, 0}}}});
}

TEST_CASE("a node about to go home is left out before it goes", "[heartbeat]") {
    Plan plan;
    plan.steps.push_back({SetReservation{"inference", "weir_inference", false, {"i1"}, {}, {"t1"}}, "", {}});
    const auto beat = heartbeat(two_nodes(), plan, acting());
    CHECK(beat.rules[0].shapes[0].nodes == 1);
}

TEST_CASE("a rule that advises, is held home or has no reservation yet is not in the heartbeat",
          "[heartbeat]") {
    Snapshot snapshot = two_nodes();
    config::Policy policy = acting();
    SECTION("advises") {
        policy.mode = policies::Mode::kAdvise;
    }
    SECTION("held home") {
        RuleState state;
        state.rule = "inference";
        state.held_home = true;
        snapshot.ledger.rules = {state};
    }
    SECTION("no reservation") {
        snapshot.reservations.clear();
    }
    CHECK(heartbeat(snapshot, {}, policy).rules.empty());
}

TEST_CASE("who may enter is left open where the lists would tell too much", "[heartbeat]") {
    config::Policy policy = acting();
    policies::LendRule& rule = policy.lend[0];
    rule.accounts = {"serving"};
    CHECK(heartbeat(two_nodes(), {}, policy).rules[0].accounts == std::vector<std::string>{"serving"});
    SECTION("groups") {
        rule.groups = {"ml"};
    }
    SECTION("an unknown user") {
        rule.users = {"root", "no-such-user-here"};
    }
    const auto entry = heartbeat(two_nodes(), {}, policy).rules[0];
    CHECK(entry.restricted);
    CHECK(entry.uids.empty());
    CHECK(entry.accounts.empty());
}

TEST_CASE("the heartbeat tells of sites, whose jobs may go there and by which rules", "[heartbeat]") {
    config::Policy policy;
    policies::Site site;
    site.name = "west";
    site.partition = "gw_west";
    site.users = {{"no-such-user-here", "w-x"}, {"root", "w-root"}};
    policy.overflow.sites = {site};
    policies::OverflowRule rule;
    rule.name = "spill";
    rule.partitions = {"train"};
    rule.sites = {"west"};
    policies::OverflowRule closed;
    closed.name = "secret";
    closed.partitions = {"secret"};
    closed.forbidden = true;
    policy.overflow.rules = {rule, closed};
    const auto beat = heartbeat(two_nodes(), {}, policy);
    CHECK(beat.sites == std::vector<job_submit::SiteEntry>{{"west", "gw_west", {0}}});
    CHECK(beat.overflow == std::vector<job_submit::OverflowEntry>{{"spill", false, {"train"}, {"west"}},
                                                                  {"secret", true, {"secret"}, {}}});
    CHECK(beat.rules.empty());
}

TEST_CASE("a heartbeat that names more users than fit is a problem, not silence", "[heartbeat]") {
    config::Policy policy;
    policies::Site& west = policy.overflow.sites.emplace_back();
    west.name = west.partition = "west";
    const auto text_for = [&](int users) {
        west.users.clear();
        for (int i = 0; i < users; ++i) west.users["user" + std::to_string(i)] = "w";
        Uids uids([](const std::string& user) -> Result<std::optional<std::uint32_t>> {
            return 1'000'000'000U + static_cast<std::uint32_t>(std::stoi(user.substr(4)));
        });
        return heartbeat_text(two_nodes(), {}, policy, Duration(30), uids);
    };
    CHECK(heartbeat_problem(text_for(1000)).empty());
    const std::string problem = heartbeat_problem(text_for(50'000));
    CHECK(problem.starts_with("it would be 5500"));
    CHECK(problem.ends_with(
        "job_submit_weir reads at most 524288: sites.*.users or lend.*.users name too many"));
}
