// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "plugin/gateway/site_worker.h"
#include "tests/unit/rest/fake_site.h"

using namespace weir;
using namespace weir::gateway;
using rest::test::FakeSite;
using rest::test::http;

namespace {

namespace fs = std::filesystem;

// A site of 22.05 that says of these accounts what such a site says of a token that is no good.
FakeSite::Answer closed_to(std::vector<std::string> accounts) {
    return [accounts](const std::string& request) {
        if (request.starts_with("GET /openapi.json "))
            return http(200, R"({"paths":{"/slurm/v0.0.38/ping":{},"/slurm/v0.0.38/jobs":{}}})");
        for (const std::string& account : accounts)
            if (request.find("X-SLURM-USER-NAME: " + account + "\r\n") != std::string::npos)
                return http(500, R"({"errors":[{"error_number":-1,"error":"Unspecified error"}]})");
        if (request.starts_with("GET /slurm/v0.0.38/ping "))
            return http(200, R"({"errors":[],"pings":[{"ping":"UP"}]})");
        if (request.starts_with("GET /slurm/v0.0.38/nodes ")) return http(200, R"({"errors":[],"nodes":[]})");
        if (request.starts_with("POST ")) return http(200, R"({"errors":[],"job_id":17})");
        return http(404, "Unable find requested URL");
    };
}

// A worker for the site, with a ledger that is gone with it.
struct Work {
    explicit Work(const FakeSite& fake) {
        config::SiteConnection connection;
        connection.site = "west";
        connection.rest_url = fake.url();
        connection.token_command = {"/bin/echo", "token-of-{user}"};
        policies::Site site;
        site.name = "west";
        site.users = {{"alice", "w-alice"}, {"bob", "w-bob"}};
        worker.emplace(connection, site, board);
    }
    ~Work() { fs::remove_all(folder); }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

    static fs::path fresh() {
        std::string name = (fs::temp_directory_path() / "weir-worker-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        return name;
    }

    fs::path folder = fresh();
    Board board{*Records::open(folder)};
    std::optional<SiteWorker> worker;
};

}  // namespace

TEST_CASE("a site that makes no sense to one account is open to the others", "[gateway]") {
    const FakeSite fake(closed_to({"w-alice"}));
    Work work(fake);
    work.worker->round();  // looks at it as alice, who comes first
    work.worker->round();
    const SiteState& site = work.board.site("west");
    CHECK(site.reachable);
    CHECK(site.problem.empty());
    REQUIRE(site.accounts.contains("w-alice"));
    CHECK(site.accounts.at("w-alice").text.find("Unspecified error") != std::string::npos);
}

TEST_CASE("a site that makes no sense to anybody is not answering", "[gateway]") {
    const FakeSite fake(closed_to({"w-alice", "w-bob"}));
    Work work(fake);
    work.worker->round();
    work.worker->round();
    CHECK_FALSE(work.board.site("west").reachable);
    CHECK(work.board.site("west").problem.find("Unspecified error") != std::string::npos);
}

TEST_CASE("nothing is submitted that cannot be noted first", "[gateway]") {
    FakeSite fake(closed_to({}));
    Work work(fake);
    Record record;
    record.run.job = JobId{17};
    record.run.label = "17";
    record.run.remote_user = "w-alice";
    record.run.stage = RunStage::kSubmitting;
    record.site = "west";
    record.name = "weir.0011.17.ab";
    REQUIRE(work.board.put(record));
    work.board.live(17).connection = 1;
    work.board.live(17).luggage = std::make_shared<const Luggage>(Luggage{"#!/bin/sh\n", ""});
    const fs::path in_the_way = work.folder / "jobs" / "17.json.new";
    fs::create_directory(in_the_way);
    const auto posts = [&] {
        return std::ranges::count_if(fake.lines(),
                                     [](const auto& line) { return line.starts_with("POST "); });
    };
    work.worker->round();
    CHECK(posts() == 0);
    fs::remove(in_the_way);
    work.board.live(17).next_ask = {};
    work.worker->round();
    CHECK(posts() == 1);
    CHECK(work.board.records().find(17)->run.remote_id == 17);
    CHECK(work.board.records().find(17)->run.stage == RunStage::kWaiting);
}

namespace {

// A copy as it is once the site may have it.
Record copy_of_job(std::uint32_t job, RunStage stage) {
    Record record;
    record.run.job = JobId{job};
    record.run.label = std::to_string(job);
    record.run.remote_user = "w-alice";
    record.run.stage = stage;
    record.site = "west";
    record.name = "weir.0011." + std::to_string(job) + ".ab";
    return record;
}

// A site of 22.05 that has no job, and says so.
FakeSite::Answer empty_site() {
    return [rest = closed_to({})](const std::string& request) {
        if (request.starts_with("GET /slurm/v0.0.38/jobs ")) return http(200, R"({"errors":[],"jobs":[]})");
        if (request.starts_with("GET /slurm/v0.0.38/job/"))
            return http(500, R"({"errors":[{"error_number":2017,"error":"Invalid job id specified"}]})");
        return rest(request);
    };
}

}  // namespace

TEST_CASE("copies that wait for their files hold up none that runs", "[gateway]") {
    FakeSite fake(empty_site());
    Work work(fake);
    for (std::uint32_t job = 1; job <= 150; ++job)
        REQUIRE(work.board.put(copy_of_job(job, RunStage::kStaging)));
    Record runs = copy_of_job(200, RunStage::kRunning);
    runs.run.remote_id = 77;
    REQUIRE(work.board.put(runs));
    work.board.live(200).next_ask = Clock::now();
    work.worker->round();
    const auto lines = fake.lines();
    CHECK(std::ranges::find(lines, "GET /slurm/v0.0.38/job/77") != lines.end());
}

TEST_CASE("a copy is lost once the site has not known it for a while, and what it did is in doubt",
          "[gateway]") {
    const FakeSite fake(empty_site());
    Work work(fake);
    Record runs = copy_of_job(17, RunStage::kRunning);
    runs.run.remote_id = 77;
    runs.run.started = Time(Duration(1));
    REQUIRE(work.board.put(runs));
    work.worker->round();
    CHECK(work.board.records().find(17)->run.stage == RunStage::kRunning);
    REQUIRE(work.board.live(17).missed);
    *work.board.live(17).missed -= kTwoLooks;
    work.board.live(17).next_ask = {};
    work.worker->round();
    const Record* lost = work.board.records().find(17);
    CHECK(lost->run.stage == RunStage::kFetching);
    REQUIRE(lost->outcome);
    CHECK(lost->outcome->requeue);
    CHECK(lost->outcome->hold);
}

TEST_CASE("a submission that the site may have forgotten is not made again", "[gateway]") {
    FakeSite fake(empty_site());
    Work work(fake);
    Record sent = copy_of_job(17, RunStage::kSubmitting);
    sent.attempted = now_in_seconds() - kSurelyListed - Duration(60);
    REQUIRE(work.board.put(sent));
    for (int look = 0; look < 2; ++look) {
        work.board.live(17).next_ask = {};
        work.worker->round();
    }
    const Record* known = work.board.records().find(17);
    CHECK(known->run.stage == RunStage::kFetching);
    REQUIRE(known->outcome);
    CHECK(known->outcome->hold);
    CHECK(known->outcome->said.find("cannot be told") != std::string::npos);
    CHECK(std::ranges::none_of(fake.lines(), [](const auto& line) { return line.starts_with("POST "); }));
}
