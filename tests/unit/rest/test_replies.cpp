// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "plugin/gateway/rest/messages.h"
#include "tests/unit/rest/recordings.h"

namespace weir::rest::test {

namespace {

template <class Read>
auto read_recorded(const Recording& recording, const std::string& name, Read read) {
    const auto& reply = recording.reply(name);
    return read(reply.status, reply.body);
}

template <class Read>
Trouble trouble_recorded(const Recording& recording, const std::string& name, Read read) {
    const auto value = read_recorded(recording, name, read);
    INFO(recording.file << " " << name);
    REQUIRE(!value);
    CHECK(!value.error().message.empty());
    return value.error().trouble;
}

Job job_called(const Recording& recording, const std::string& name) {
    const auto jobs = read_recorded(recording, "jobs", read_jobs);
    REQUIRE(jobs);
    const auto found = std::ranges::find(*jobs, recording.jobs.at(name), &Job::id);
    REQUIRE(found != jobs->end());
    CHECK(found->name == name);
    return *found;
}

}  // namespace

TEST_CASE("every version from v0.0.36 to v0.0.45 is recorded", "[rest]") {
    std::set<int> versions;
    for (const Recording& recording : recordings()) versions.insert(recording.version.number);
    for (int number = kOldest.number; number <= kNewest.number; ++number) CHECK(versions.contains(number));
}

TEST_CASE("a site offers the version that it was recorded with", "[rest]") {
    for (const Recording& recording : recordings()) {
        INFO(recording.file);
        const auto offers = read_recorded(recording, "openapi", versions_offered);
        REQUIRE(offers);
        const auto found = std::ranges::find(*offers, recording.version, &Offer::version);
        REQUIRE(found != offers->end());
        CHECK(found->states == recording.has("states"));
        CHECK(choose(*offers)->version >= recording.version);
    }
}

TEST_CASE("a ping tells the release and that the controller answers", "[rest]") {
    for (const Recording& recording : recordings()) {
        INFO(recording.file);
        CHECK(read_recorded(recording, "ping", read_ping) == Ping{recording.slurm, true});
    }
}

TEST_CASE("an ended job is read with its state, exit code and times", "[rest]") {
    struct Expected {
        const char* name;
        State state;
        int exit_code;
        int signal;
    };
    const Expected all[] = {{"completed", State::kCompleted, 0, 0},
                            {"failed", State::kFailed, 3, 0},
                            {"killed", State::kFailed, 0, 9},
                            {"timeout", State::kTimeout, 0, 0},
                            {"cancelled", State::kCancelled, 0, 15}};
    for (const Recording& recording : recordings()) {
        for (const Expected& expected : all) {
            INFO(recording.file << " " << expected.name);
            const Job job = job_called(recording, expected.name);
            CHECK(job.state == expected.state);
            CHECK(job.exit_code == expected.exit_code);
            // Slurm tells SIGTERM or nothing of a script that it stopped, as that happens to end.
            if (job.state != State::kTimeout && job.state != State::kCancelled)
                CHECK(job.signal == expected.signal);
            CHECK((job.user == "w-alice" || recording.version == kOldest));
            CHECK((job.nodes == "w1" || job.nodes == "w2"));
            REQUIRE(job.submitted);
            REQUIRE(job.started);
            REQUIRE(job.ended);
            CHECK(*job.submitted <= *job.started);
            CHECK(*job.started <= *job.ended);
            CHECK(!job.expected_start);
        }
    }
}

TEST_CASE("a job that was cancelled while it waited never started", "[rest]") {
    for (const Recording& recording : recordings()) {
        INFO(recording.file);
        const Job job = job_called(recording, "withdrawn");
        CHECK(job.state == State::kCancelled);
        CHECK(job.nodes.empty());
        CHECK(!job.started);
        CHECK(job.ended);
    }
}

TEST_CASE("a pending job is read with its reason and forecast", "[rest]") {
    for (const Recording& recording : recordings()) {
        INFO(recording.file);
        const Job job = job_called(recording, "pending");
        CHECK(job.state == State::kPending);
        CHECK((job.reason == "Resources" || recording.slurm == "23.11.4"));  // which had not looked at it yet
        CHECK(job.nodes.empty());
        CHECK(!job.started);
        CHECK(!job.ended);
        REQUIRE(job.expected_start);
        CHECK(*job.expected_start > *job.submitted);
        const Job dependent = job_called(recording, "dependent");
        CHECK(dependent.state == State::kPending);
        CHECK(dependent.reason == "Dependency");
        CHECK(!dependent.expected_start);
    }
}

TEST_CASE("a running job is read alone as in the list", "[rest]") {
    for (const Recording& recording : recordings()) {
        INFO(recording.file);
        const auto job = read_recorded(recording, "job", read_job);
        REQUIRE(job);
        CHECK(*job == job_called(recording, "running"));
        CHECK(job->state == State::kRunning);
        CHECK(job->reason.empty());
        CHECK(job->started);
        CHECK(!job->ended);
    }
}

TEST_CASE("the cheap poll tells states, and leaves out unknown jobs", "[rest]") {
    for (const Recording& recording : recordings()) {
        if (!recording.has("states")) continue;
        INFO(recording.file);
        auto states = read_recorded(recording, "states", read_states);
        REQUIRE(states);
        std::ranges::sort(*states, {}, &JobState::id);
        CHECK(*states == std::vector<JobState>{{recording.jobs.at("failed"), State::kFailed},
                                               {recording.jobs.at("running"), State::kRunning},
                                               {recording.jobs.at("pending"), State::kPending}});
        CHECK(read_recorded(recording, "states_unknown", read_states) ==
              std::vector<JobState>{{recording.jobs.at("running"), State::kRunning}});
        CHECK(read_recorded(recording, "states_all_unknown", read_states) == std::vector<JobState>{});
    }
}

TEST_CASE("nodes are read with what is in use, and what is promised or drained is not usable", "[rest]") {
    for (const Recording& recording : recordings()) {
        if (recording.version == kOldest) continue;
        INFO(recording.file);
        auto nodes = read_recorded(recording, "nodes", read_nodes);
        REQUIRE(nodes);
        std::ranges::sort(*nodes, {}, &Node::name);
        REQUIRE(nodes->size() == 3);
        // Backfill plans both nodes for the pending job; before 24.05 it marked only idle ones.
        const bool marked = recording.slurm >= "24";
        const std::vector<std::string> both{"batch", "gpu"};
        CHECK((*nodes)[0] == Node{"w1", !marked, 16, 1, 64000, 6000, {{"a100", 4, 2}}, both});
        CHECK((*nodes)[1] == Node{"w2", false, 16, 0, 64000, 0, {{"a100", 4, 0}}, both});
        CHECK((*nodes)[2] == Node{"w3", false, 8, 0, 32000, 0, {}, {"batch"}});
    }
}

TEST_CASE("v0.0.36 tells too little of nodes to count on one", "[rest]") {
    for (const Recording& recording : recordings()) {
        if (recording.version != kOldest) continue;
        const auto nodes = read_recorded(recording, "nodes", read_nodes);
        REQUIRE(nodes);
        CHECK(nodes->front() == Node{"w1", false, 16, 16, 64000, 64000, {{"a100", 4, 2}}, {}});
        for (const Node& node : *nodes) CHECK(!node.usable);
    }
}

TEST_CASE("a submission that is taken gives the job's id", "[rest]") {
    for (const Recording& recording : recordings()) {
        INFO(recording.file);
        const auto id = read_recorded(recording, "submitted", read_submitted);
        REQUIRE(id);
        CHECK(*id > recording.jobs.at("dependent"));
    }
}

TEST_CASE("a submission that is refused says why in Slurm's words", "[rest]") {
    for (const Recording& recording : recordings()) {
        INFO(recording.file);
        const auto nowhere = read_recorded(recording, "refused", read_submitted);
        REQUIRE(!nowhere);
        CHECK(nowhere.error().trouble == Trouble::kRefused);
        if (recording.version != kOldest) {
            CHECK(nowhere.error().slurm_errno == 2000);
            CHECK(nowhere.error().message.find("nvalid partition name specified") != std::string::npos);
        }
        CHECK(trouble_recorded(recording, "refused_too_large", read_submitted) == Trouble::kRefused);
        if (recording.has("refused_body"))
            CHECK(trouble_recorded(recording, "refused_body", read_submitted) == Trouble::kRefused);
    }
}

TEST_CASE("changes that are made and changes that are refused are told apart", "[rest]") {
    for (const Recording& recording : recordings()) {
        INFO(recording.file);
        CHECK(read_recorded(recording, "cancelled", read_cancelled));
        CHECK(read_recorded(recording, "cancelled_again", read_cancelled));
        CHECK(read_recorded(recording, "signalled", read_cancelled));
        if (recording.version == kOldest) continue;  // gives no numbers
        CHECK(trouble_recorded(recording, "job_unknown", read_job) == Trouble::kNotFound);
        // These two on the newer machinery say nothing of what failed.
        const bool silent = recording.slurm >= "24" && recording.version <= Version{41};
        if (silent)
            CHECK(read_recorded(recording, "cancel_unknown", read_cancelled));
        else
            CHECK(trouble_recorded(recording, "cancel_unknown", read_cancelled) == Trouble::kNotFound);
    }
}

TEST_CASE("an address that a site does not have is never taken for a job that is gone", "[rest]") {
    for (const Recording& recording : recordings()) {
        CHECK(recording.reply("path_unknown").status == 404);
        CHECK(trouble_recorded(recording, "path_unknown", read_job) == Trouble::kRefused);
    }
}

TEST_CASE("a token that is not accepted is told where Slurm tells it, and never read as success", "[rest]") {
    for (const Recording& recording : recordings()) {
        // Up to 23.11 slurmrestd says no more than that it failed.
        const bool tells = recording.slurm >= "24";
        const Trouble expected = tells ? Trouble::kUnauthorized : Trouble::kUnsure;
        CHECK(trouble_recorded(recording, "unauthorized", read_jobs) == expected);
        CHECK(trouble_recorded(recording, "unauthorized_submit", read_submitted) == expected);
    }
}

}  // namespace weir::rest::test
