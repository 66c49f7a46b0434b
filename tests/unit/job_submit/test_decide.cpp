// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <set>

#include "plugin/job_submit/decide.h"

using namespace weir;
using namespace weir::job_submit;

namespace {

constexpr Time kNow{Duration(1'700'000'000)};

// Partition inference borrows one node with 8 H100; partition debug is served by two rules.
struct World {
    Heartbeat heartbeat{kNow.time_since_epoch().count(),
                        Duration(30),
                        {{"inference", "weir_inference", false, {}, {}, {{1, 64, 512'000, {{"h100", 8, 0}}}}},
                         {"debug", "weir_small", false, {}, {}, {{1, 8, 16'000, {}}}},
                         {"debug", "weir_large", false, {}, {}, {{4, 8, 16'000, {}}}}}};
    Time written = kNow - Duration(5);
    Existence existence = Existence::kYes;
    std::set<std::string> missing;

    Rule& rule() { return heartbeat.rules.front(); }
    Decision decide(const Submission& submission) const {
        return job_submit::decide(submission, {&heartbeat, written}, kNow, [this](const std::string& name) {
            return missing.contains(name) ? Existence::kNo : existence;
        });
    }
};

// One GPU in inference.
Submission small() {
    Submission submission;
    submission.partitions = "inference";
    submission.uid = 1000;
    submission.request.gpus_per_node = 1;
    return submission;
}

Submission too_large() {
    Submission submission = small();
    submission.request.nodes_min = submission.request.nodes_max = 2;
    return submission;
}

const Decision kLeft = LeaveAlone{};
const Decision kNamed = NameReservation{"weir_inference"};
const Decision kLater = BeginLater{kNow + kBeginAhead};

}  // namespace

TEST_CASE("a borrower's job that fits goes to the reservation", "[job_submit][decide]") {
    CHECK(World{}.decide(small()) == kNamed);
}

TEST_CASE("a borrower's job that does not fit now begins later", "[job_submit][decide]") {
    CHECK(World{}.decide(too_large()) == kLater);
    Submission typed = small();
    typed.request.gpu_type = "b200";
    CHECK(World{}.decide(typed) == kLater);
}

TEST_CASE("a job of which it cannot be told whether it fits begins later", "[job_submit][decide]") {
    Submission submission = small();
    submission.request.beyond_model = "asks for features";
    CHECK(World{}.decide(submission) == kLater);
}

TEST_CASE("jobs of other partitions, or of several, are left alone", "[job_submit][decide]") {
    for (const char* partitions : {"train", "inference,train", "train,inference", "", "Inference"}) {
        CAPTURE(partitions);
        Submission submission = small();
        submission.partitions = partitions;
        CHECK(World{}.decide(submission) == kLeft);
    }
}

TEST_CASE("a job that names a reservation itself is left alone", "[job_submit][decide]") {
    for (const char* reservation : {"maintenance", "weir_inference"}) {
        Submission submission = small();
        submission.reservation = reservation;
        CHECK(World{}.decide(submission) == kLeft);
    }
}

TEST_CASE("without a heartbeat every job is left alone", "[job_submit][decide]") {
    const auto exists = [](const std::string&) { return Existence::kYes; };
    CHECK(decide(small(), {}, kNow, exists) == kLeft);
    CHECK(decide(too_large(), {}, kNow, exists) == kLeft);
}

TEST_CASE("a heartbeat is fresh for as long as it says", "[job_submit][decide]") {
    World world;
    world.written = kNow - Duration(30);
    CHECK(world.decide(too_large()) == kLater);
    world.written = kNow - Duration(31);
    CHECK(world.decide(too_large()) == kLeft);
    world.written = kNow + Duration(31);
    CHECK(world.decide(too_large()) == kLeft);
}

TEST_CASE("when the heartbeat is stale, what fits the last known nodes still goes there",
          "[job_submit][decide]") {
    World world;
    world.written = kNow - Duration(86'400);
    CHECK(world.decide(small()) == kNamed);
    world.existence = Existence::kUnknown;
    CHECK(world.decide(small()) == kLeft);
    world.existence = Existence::kNo;
    CHECK(world.decide(small()) == kLeft);
}

TEST_CASE("a reservation that is gone is never named or waited for", "[job_submit][decide]") {
    World world;
    world.existence = Existence::kNo;
    CHECK(world.decide(small()) == kLeft);
    CHECK(world.decide(too_large()) == kLeft);
}

TEST_CASE("a fresh heartbeat is believed where Slurm cannot be asked", "[job_submit][decide]") {
    World world;
    world.existence = Existence::kUnknown;
    CHECK(world.decide(small()) == kNamed);
    CHECK(world.decide(too_large()) == kLater);
}

TEST_CASE("a user who is not listed is left alone", "[job_submit][decide]") {
    World world;
    world.rule().restricted = true;
    world.rule().uids = {1001, 1002};
    CHECK(world.decide(small()) == kLeft);
    CHECK(world.decide(too_large()) == kLeft);
    world.rule().uids.push_back(1000);
    CHECK(world.decide(small()) == kNamed);
}

TEST_CASE("an account that is not listed may be a sub-account: the controller tells",
          "[job_submit][decide]") {
    World world;
    world.rule().restricted = true;
    world.rule().accounts = {"serving"};
    Submission submission = small();
    CHECK(world.decide(submission) == kLater);
    submission.account = "chat";
    CHECK(world.decide(submission) == kLater);
    submission.account = "serving";
    CHECK(world.decide(submission) == kNamed);
}

TEST_CASE("with users and accounts listed a job must match both", "[job_submit][decide]") {
    World world;
    world.rule().restricted = true;
    world.rule().uids = {1000};
    world.rule().accounts = {"serving"};
    Submission submission = small();
    CHECK(world.decide(submission) == kLater);
    submission.account = "serving";
    CHECK(world.decide(submission) == kNamed);
    submission.uid = 1001;
    CHECK(world.decide(submission) == kLeft);
}

TEST_CASE("whether a group's member may enter is the controller's to tell", "[job_submit][decide]") {
    World world;
    world.rule().restricted = true;
    CHECK(world.decide(small()) == kLater);
    world.written = kNow - Duration(31);
    CHECK(world.decide(small()) == kLeft);
}

TEST_CASE("the user's own begin time stands if it is later", "[job_submit][decide]") {
    Submission submission = too_large();
    submission.begin = kNow + Duration(3600);
    CHECK(World{}.decide(submission) == kLeft);
    submission.begin = kNow + Duration(1);
    CHECK(World{}.decide(submission) == kLater);
    submission = small();
    submission.begin = kNow + Duration(3600);
    CHECK(World{}.decide(submission) == kNamed);
}

TEST_CASE("a job that must start at once is not delayed", "[job_submit][decide]") {
    Submission submission = too_large();
    submission.immediate = true;
    CHECK(World{}.decide(submission) == kLeft);
}

TEST_CASE("of several rules for a partition the first that fits serves", "[job_submit][decide]") {
    World world;
    Submission submission;
    submission.partitions = "debug";
    CHECK(world.decide(submission) == Decision(NameReservation{"weir_small"}));
    submission.request.nodes_min = submission.request.nodes_max = 4;
    CHECK(world.decide(submission) == Decision(NameReservation{"weir_large"}));
    world.missing = {"weir_large"};
    CHECK(world.decide(submission) == kLater);
    submission.request.nodes_min = submission.request.nodes_max = 1;
    world.missing = {"weir_small"};
    CHECK(world.decide(submission) == Decision(NameReservation{"weir_large"}));
}
