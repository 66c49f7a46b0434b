// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/job_submit/elsewhere.h"

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::job_submit;

namespace {

// Jobs of train may go to west, those of batch and long to west and east, those of secret nowhere; alice
// (1000) has accounts at both, bob (1001) at east.
Heartbeat sites() {
    Heartbeat heartbeat;
    heartbeat.sites = {{"east", "gw_east", {1000, 1001}}, {"west", "gw_west", {1000}}};
    heartbeat.overflow = {{"spill", false, {"train"}, {"west"}},
                          {"all", false, {"batch", "long"}, {}},
                          {"none", true, {"secret"}, {}}};
    return heartbeat;
}

Submission job(const std::string& partitions, std::uint32_t uid = 1000) {
    Submission submission;
    submission.partitions = partitions;
    submission.uid = uid;
    submission.batch = true;
    return submission;
}

OverflowRequest allow(std::vector<std::string> sites = {}) {
    OverflowRequest request;
    request.wish = OverflowWish::kAllow;
    request.sites = std::move(sites);
    return request;
}

std::string refusal(const OverflowRequest& request, const Submission& submission) {
    return overflow_refusal(request, submission, sites());
}

}  // namespace

TEST_CASE("a job that could go somewhere is accepted", "[job_submit][elsewhere]") {
    CHECK(refusal(allow(), job("train")).empty());
    CHECK(refusal(allow({"west"}), job("train")).empty());
    CHECK(refusal(allow({"east", "west"}), job("batch")).empty());
    CHECK(refusal(allow({"east"}), job("batch", 1001)).empty());
    CHECK(refusal(allow(), job("long,batch", 1001)).empty());
    CHECK(refusal(allow(), job("long,,batch")).empty());
    CHECK(refusal(allow(), job("")).empty());
}

TEST_CASE("a job that does not ask is accepted, whatever it could do", "[job_submit][elsewhere]") {
    OverflowRequest request;
    request.max_cost = Money{1};
    CHECK(refusal(request, job("secret", 9)).empty());
    request.wish = OverflowWish::kNever;
    CHECK(refusal(request, job("secret", 9)).empty());
    CHECK(overflow_refusal(request, job("train"), {}).empty());
}

TEST_CASE("a job that could never go is told why", "[job_submit][elsewhere]") {
    const std::string option = "weir: --weir-overflow: ";
    CHECK(refusal(allow(), job("debug")) ==
          option + "jobs of partition debug do not overflow; see overflow in weir.yaml");
    CHECK(refusal(allow(), job("secret")) ==
          option + "jobs of partition secret may not leave; see overflow in weir.yaml");
    // A job may go only by a rule that covers it wherever it may start at home.
    CHECK(refusal(allow(), job("secret,batch")) ==
          option + "jobs of partition secret,batch may not leave; see overflow in weir.yaml");
    for (const std::string partitions : {"other,batch", "batch,other", "train,batch"})
        CHECK(refusal(allow(), job(partitions)) ==
              option + "jobs of partition " + partitions +
                  " do not overflow: no one rule covers all of these; see overflow in weir.yaml");
    CHECK(refusal(allow({"north"}), job("train")) ==
          option + "there is no site north (there are: east, west)");
    CHECK(refusal(allow({"west", "east"}), job("train")) ==
          option + "jobs of partition train do not go to site east (they may go to: west)");
    CHECK(refusal(allow({"west"}), job("batch", 1001)) == option + "you have no account at site west");
    CHECK(refusal(allow(), job("train", 1001)) == option + "you have no account at any site (west)");
    CHECK(overflow_refusal(allow(), job("train"), {}) == option + "no remote site is set up here");
}

TEST_CASE("a gateway's partition is refused wherever it stands in the list", "[job_submit][elsewhere]") {
    const std::string why =
        "weir: partition gw_west is a gateway of site west: jobs come there by --weir-overflow, see man "
        "weir-sbatch";
    CHECK(gateway_refusal("gw_west", sites()) == why);
    CHECK(gateway_refusal("train,gw_west", sites()) == why);
    CHECK(gateway_refusal("gw_west,train", sites()) == why);
    CHECK(gateway_refusal("train,,batch", sites()).empty());
    CHECK(gateway_refusal("gw_wes,w", sites()).empty());
    CHECK(gateway_refusal("", sites()).empty());
    CHECK(gateway_refusal("gw_west", {}).empty());
}
