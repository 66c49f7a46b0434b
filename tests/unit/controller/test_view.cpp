// SPDX-License-Identifier: GPL-2.0-or-later
#include <slurm/slurm.h>

#include <catch2/catch.hpp>

#include "plugin/controller/view.h"

using namespace weir;
using namespace weir::controller;

namespace {

constexpr std::uint32_t kAlice = 1001;
constexpr std::uint32_t kBob = 1002;

Job pending(std::uint32_t id, std::uint32_t uid) {
    Job job;
    job.id = JobId{id};
    job.label = std::to_string(id);
    job.uid = uid;
    job.user = uid == kAlice ? "alice" : "bob";
    job.partitions = {0};
    job.reason = "Resources";
    return job;
}

View small_view() {
    View view;
    view.snapshot.at = Time(Duration(2000));
    view.snapshot.nodes.push_back({});
    view.snapshot.nodes.back().name = "t1";
    Partition& inference = view.snapshot.partitions.emplace_back();
    inference.name = "inference";
    inference.nodes = {0};
    view.snapshot.jobs = {pending(7, kAlice), pending(8, kBob)};
    Loan loan;
    loan.rule = "inference";
    loan.node = "t1";
    loan.from = "train";
    loan.why = "job 7 waits";
    loan.for_job = JobId{7};
    loan.confirmed = true;
    view.ledger.loans.push_back(loan);
    view.plan.steps.push_back({NameReservation{JobId{8}, "8", "inference", "weir_inference", false},
                               "job 8 came without",
                               {JobId{8}}});
    return view;
}

const Reader kAliceReads{kAlice, false};
const Reader kBobReads{kBob, false};
const Reader kRootReads{0, true};

}  // namespace

TEST_CASE("where jobs are private a reader sees his own, and an administrator all") {
    View view = small_view();
    view.private_data = PRIVATE_DATA_JOBS;
    CHECK(explain_to_json(view, kAliceReads, "7").contains("jobs"));
    CHECK(explain_to_json(view, kAliceReads, "8")["error"] ==
          "no pending or running job 8 that you may see; one that has ended is in `sacct -j 8`");
    CHECK(explain_to_json(view, kRootReads, "8").contains("jobs"));
    CHECK(plan_to_json(view, kAliceReads)["steps"].empty());
    CHECK(plan_to_json(view, kBobReads)["steps"].size() == 1);
    CHECK(loans_to_json(view, kAliceReads)["loans"][0]["why"] == "job 7 waits");
    CHECK(loans_to_json(view, kBobReads)["loans"][0]["why"] == "(another user's job)");
}

TEST_CASE("where jobs are public everybody sees every reason") {
    const View view = small_view();
    CHECK(explain_to_json(view, kBobReads, "7").contains("jobs"));
    CHECK(plan_to_json(view, kAliceReads)["steps"].size() == 1);
    CHECK(loans_to_json(view, kBobReads)["loans"][0]["why"] == "job 7 waits");
}

TEST_CASE("where reservations are private only an administrator sees the loans") {
    View view = small_view();
    view.private_data = PRIVATE_DATA_RESERVATIONS;
    CHECK(loans_to_json(view, kAliceReads).contains("error"));
    CHECK(loans_to_json(view, kRootReads)["loans"].size() == 1);
}

TEST_CASE("what was only planned to be lent is no loan", "[view]") {
    View view = small_view();
    view.plan.rules.push_back({});
    view.plan.rules.back().rule = "inference";
    CHECK(status_to_json(view, kAliceReads)["rules"][0]["lent_nodes"] == 1);
    view.ledger.loans[0].confirmed = false;
    CHECK(status_to_json(view, kAliceReads)["rules"][0]["lent_nodes"] == 0);
    CHECK(loans_to_json(view, kRootReads)["loans"].empty());
}

TEST_CASE("what fails in every cycle is told to whom it concerns", "[view]") {
    View view = small_view();
    CHECK(status_to_json(view, kAliceReads)["healthy"] == true);
    view.private_data = PRIVATE_DATA_JOBS;
    view.failures = {{"requeue job 8 on t1", {JobId{8}}, "Access denied", Time(Duration(1000))}};
    CHECK(status_to_json(view, kAliceReads)["failures"].empty());
    const auto told = status_to_json(view, kBobReads);
    CHECK(told["healthy"] == false);
    CHECK(told["failures"][0]["what"] == "requeue job 8 on t1");
    CHECK(told["failures"][0]["since"] == 1000);
}

TEST_CASE("the name of an array finds its tasks and no other job whose number begins alike") {
    View view = small_view();
    view.snapshot.jobs[0].label = "7_[3-9]";
    Job task = pending(77, kAlice);
    task.label = "7_1";
    view.snapshot.jobs.push_back(task);
    view.snapshot.jobs.push_back(pending(78, kAlice));
    CHECK(explain_to_json(view, kRootReads, "7")["jobs"].size() == 2);
    CHECK(explain_to_json(view, kRootReads, "7_1")["jobs"].size() == 1);
}
