// SPDX-License-Identifier: GPL-2.0-or-later
#include <slurm/slurm.h>

#include <catch2/catch.hpp>

#include "plugin/controller/view.h"
#include "tests/unit/overflow/scene.h"

using namespace weir;
using namespace weir::controller;
using namespace std::chrono_literals;

namespace {

const Reader kAlice{1001, false};
const Reader kBob{1002, false};

// West, where a job of alice's runs and another may start; both are hers.
View view_with_site() {
    View view;
    view.snapshot.at = Time(Duration(5000));
    for (const std::uint32_t id : {7U, 8U}) {
        Job& job = view.snapshot.jobs.emplace_back();
        job.id = {id};
        job.label = std::to_string(id);
        job.user = "alice";
        job.uid = kAlice.uid;
    }
    policies::Site& west = view.policy.overflow.sites.emplace_back();
    west.name = "west";
    policies::OverflowRule& rule = view.policy.overflow.rules.emplace_back();
    rule.name = "spill";
    SiteLook& look = view.snapshot.sites.emplace_back();
    look.site = "west";
    RemoteRun& run = look.runs.emplace_back();
    run.job = {7};
    run.label = "7";
    run.user = "alice";
    run.stage = RunStage::kRunning;
    run.remote_id = 345;
    Nomination& nomination = view.ledger.overflow.nominations.emplace_back();
    nomination.job = {8};
    nomination.label = "8";
    nomination.user = "alice";
    nomination.site = "west";
    nomination.worst = {4'500'000};
    view.plan.overflow.currency = "USD";
    SiteReport& report = view.plan.overflow.sites.emplace_back();
    report.site = "west";
    report.running = 1;
    report.gpus = {{"a100", 8, Money{600'000}, Money{100'000}}, {"h100", 0, std::nullopt, {}}};
    report.vouchers = {{"gift", {36000}, {3600}, {7200}, std::nullopt}};
    Comparison& comparison = view.plan.overflow.comparisons.emplace_back();
    comparison.job = {8};
    comparison.label = "8";
    comparison.rule = "spill";
    comparison.places.resize(2);
    comparison.places[0].place = "home";
    comparison.places[0].run = 2h;
    comparison.places[0].price = {16'000'000};
    comparison.places[1].place = "west";
    comparison.places[1].excluded = "user alice has no account there";
    return view;
}

}  // namespace

TEST_CASE("a site's state, prices and vouchers are told to everybody, in units of the currency") {
    const auto told = sites_to_json(view_with_site(), kBob);
    CHECK(told["currency"] == "USD");
    const auto& west = told["sites"][0];
    CHECK(west["state"] == "open");
    CHECK(west["gpus"][0]["hour"] == 0.6);
    CHECK(west["gpus"][1]["hour"].is_null());
    CHECK(west["vouchers"][0]["left"] == 7.0);
    CHECK(told["jobs"].size() == 2);
    CHECK(told["jobs"][0]["stage"] == "running");
    CHECK(told["jobs"][1]["at_most"] == 4.5);
}

TEST_CASE("where jobs are private what they cost elsewhere is, too") {
    View view = view_with_site();
    view.private_data = PRIVATE_DATA_JOBS;
    CHECK(sites_to_json(view, kBob)["jobs"].empty());
    CHECK(sites_to_json(view, kBob)["hidden"] == 2);
    CHECK(plan_to_json(view, kBob)["comparisons"].empty());
    const auto comparison = plan_to_json(view, kAlice)["comparisons"][0];
    CHECK(comparison["places"][0]["price"] == 16.0);
    CHECK(comparison["places"][1]["excluded"] == "user alice has no account there");
    CHECK_FALSE(comparison["places"][1].contains("price"));
    CHECK(explain_to_json(view, kAlice, "8")["jobs"][0]["comparison"] == comparison);
    CHECK(explain_to_json(view, kBob, "8").contains("error"));
}

TEST_CASE("steps of overflow tell their site and the rule they belong to") {
    Nominate step;
    step.job = {8};
    step.label = "8";
    step.site = "west";
    step.rule = "spill";
    step.told = "it may start at site west, too";
    const auto told = step_to_json({step, "it is cheaper", {JobId{8}}});
    CHECK(told["do"] == "let job 8 start at west");
    CHECK(told["kind"] == "nominate");
    CHECK(told["rule"] == "overflow");
    CHECK(told["overflow_rule"] == "spill");
    CHECK(step_to_json({TakeBack{{8}, "8", "west", "gw_west", {}, {}, ""}, "", {}})["do"] ==
          "keep job 8 from west");
    CHECK(step_to_json({ExtendLimit{{8}, "8", "west", 128min, ""}, "", {}})["do"] ==
          "set the time limit of job 8 to 2h8m");
}

TEST_CASE("without sites there is nothing to tell") {
    View view = view_with_site();
    view.policy.overflow.sites.clear();
    CHECK(sites_to_json(view, kAlice).contains("error"));
    CHECK(status_to_json(view, kAlice)["overflow"].is_null());
}

TEST_CASE("what is only advised is told as a step, and not as money set aside or a job that may start") {
    test::Scene scene;
    scene.job(1);
    scene.rule().mode = policies::Mode::kAdvise;
    scene.cycle();
    scene.pass(scene.rule().stay);
    const Plan carried_out = scene.decide();
    scene.rule().mode = policies::Mode::kAct;
    const Plan would_be = scene.decide();
    REQUIRE(would_be.overflow.sites.front().nominated == 1);
    REQUIRE(would_be.overflow.budgets.front().aside.value > 0);

    const Plan told = as_told(would_be, carried_out);
    CHECK(told.overflow.sites.front().nominated == 0);
    CHECK(told.overflow.budgets.front().aside == Money{});
    CHECK(told.steps == would_be.steps);
    CHECK(told.overflow.comparisons == would_be.overflow.comparisons);
    View view = view_with_site();
    view.plan = told;
    CHECK(sites_to_json(view, kBob)["sites"][0]["nominated"] == 0);
    CHECK(status_to_json(view, kBob)["overflow"][0]["nominated"] == 0);
}
