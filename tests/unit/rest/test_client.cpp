// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "plugin/gateway/rest/client.h"
#include "tests/unit/rest/fake_site.h"

namespace weir::rest::test {

using Lines = std::vector<std::string>;

namespace {

const Credentials kAlice{"w-alice", "s3cret"};

std::string openapi(const std::string& paths) {
    return http(200, R"({"paths":{)" + paths + "}}");
}

const std::string kOld = R"("/slurm/v0.0.38/ping":{},"/slurm/v0.0.38/jobs":{})";
const std::string kNew = R"("/slurm/v0.0.42/ping/":{},"/slurm/v0.0.42/jobs/state/":{})";

std::string ping_answer(const std::string& state = "UP") {
    return http(
        200, R"({"meta":{"Slurm":{"release":"22.05.8"}},"errors":[],"pings":[{"ping":")" + state + "\"}]}");
}

std::string job_answer(const std::string& id) {
    return http(
        200,
        R"({"errors":[],"jobs":[{"job_id":)" + id +
            R"(,"name":"a","user_name":"w-alice","comment":null,)"
            R"("state_reason":"None","nodes":"","submit_time":5,"start_time":0,"end_time":0,"job_state":"PENDING"}]})");
}

// A site of 22.05 that takes submissions, save for what `answer` says otherwise (anything but an empty text).
std::string old_site(const std::string& request) {
    if (request.starts_with("GET /openapi.json ")) return openapi(kOld);
    if (request.starts_with("GET /slurm/v0.0.38/ping ")) return ping_answer();
    if (request.starts_with("POST /slurm/v0.0.38/job/submit "))
        return http(200, R"({"errors":[],"job_id":17})");
    if (request.starts_with("GET /slurm/v0.0.38/job/7 ")) return job_answer("7");
    if (request.starts_with("GET /slurm/v0.0.38/job/8 "))
        return http(500,
                    R"({"errors":[{"error_number":2017,"error":"Invalid job id specified"}],"jobs":[]})");
    if (request.starts_with("DELETE ")) return http(200, R"({"errors":[]})");
    return http(404, "Unable find requested URL");
}

}  // namespace

TEST_CASE("a client finds out the version once, and submits only where the controller answers", "[rest]") {
    FakeSite site(old_site);
    Client client({site.url() + "/", ""});
    CHECK(client.submit(kAlice, {}) == 17U);
    CHECK(client.version() == Version{38});
    CHECK(client.submit(kAlice, {}) == 17U);  // whom it has just answered
    CHECK(client.submit({"w-bob", "another"}, {}) == 17U);
    CHECK(site.lines() == Lines{"GET /openapi.json", "GET /slurm/v0.0.38/ping",
                                "POST /slurm/v0.0.38/job/submit", "POST /slurm/v0.0.38/job/submit",
                                "GET /slurm/v0.0.38/ping", "POST /slurm/v0.0.38/job/submit"});
    for (const std::string& request : site.requests()) {
        if (request.find("w-bob") != std::string::npos) continue;
        CHECK(request.find("X-SLURM-USER-NAME: w-alice\r\n") != std::string::npos);
        CHECK(request.find("X-SLURM-USER-TOKEN: s3cret\r\n") != std::string::npos);
    }
    CHECK(client.ping(kAlice)->ping == Ping{"22.05.8", true});
}

TEST_CASE("nothing is submitted while the controller does not answer", "[rest]") {
    bool refuses = false;
    FakeSite site([&](const std::string& request) {
        if (request.starts_with("GET /slurm/v0.0.38/ping ")) return ping_answer("DOWN");
        if (refuses && request.starts_with("GET /slurm/v0.0.38/job/1 "))
            return http(500, R"({"errors":[{"error_number":1007,"error":"Protocol authentication error"}]})");
        return old_site(request);
    });
    Client client({site.url(), ""});
    CHECK(client.submit(kAlice, {}).error().trouble == Trouble::kUnreachable);
    refuses = true;
    CHECK(client.submit(kAlice, {}).error().trouble == Trouble::kUnauthorized);
    // {"exp":1700000000,...}: long ago
    refuses = false;
    const Credentials expired{
        "w-alice", "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDAsImlhdCI6MSwic3VuIjoidy1hbGljZSJ9.c2ln"};
    const auto refused = client.submit(expired, {});
    CHECK(refused.error().trouble == Trouble::kUnauthorized);
    CHECK(refused.error().message == site.url() + ": the token of w-alice has expired");
    for (const std::string& line : site.lines()) CHECK(!line.starts_with("POST"));
}

TEST_CASE("a site that is not what it should be refuses no submission", "[rest]") {
    FakeSite site([](const std::string&) { return http(404, "<html>nginx</html>"); });
    Client client({site.url(), ""});
    CHECK(client.submit(kAlice, {}).error().trouble == Trouble::kUnreachable);
}

TEST_CASE("a submission whose answer is lost is unsure, and sent once", "[rest]") {
    FakeSite site([](const std::string& request) {
        return request.starts_with("POST") ? std::string() : old_site(request);
    });
    Client client({site.url(), ""});
    const auto id = client.submit(kAlice, {});
    REQUIRE(!id);
    CHECK(id.error().trouble == Trouble::kUnsure);
    const Lines lines = site.lines();
    CHECK(std::count(lines.begin(), lines.end(), "POST /slurm/v0.0.38/job/submit") == 1);
}

TEST_CASE("jobs are asked for one by one where there is no cheaper way", "[rest]") {
    FakeSite site(old_site);
    Client client({site.url(), ""});
    CHECK(client.states(kAlice, {8, 7, 8}) == std::vector<JobState>{{7, State::kPending}});
    CHECK(site.lines() == Lines{"GET /openapi.json", "GET /slurm/v0.0.38/job/7", "GET /slurm/v0.0.38/job/8"});
}

TEST_CASE("jobs are asked for together where the site can", "[rest]") {
    FakeSite site([](const std::string& request) {
        if (request.starts_with("GET /openapi.json ")) return openapi(kNew);
        return http(
            200,
            R"({"errors":[],"jobs":[{"job_id":"9","state":["RUNNING"]},{"job_id":"7","state":["FAILED"]},)"
            R"({"job_id":"1","state":["FAILED"]}]})");
    });
    Client client({site.url(), ""});
    CHECK(client.states(kAlice, {9, 7, 8}) ==
          std::vector<JobState>{{7, State::kFailed}, {9, State::kRunning}});
    CHECK(site.lines().back() == "GET /slurm/v0.0.42/jobs/state?job_id=7&job_id=8&job_id=9");
    CHECK(client.states(kAlice, {}) == std::vector<JobState>{});
    CHECK(site.lines().size() == 2);
}

TEST_CASE("a site that was upgraded is asked anew which version it speaks", "[rest]") {
    bool upgraded = false;
    FakeSite site([&](const std::string& request) {
        if (!upgraded) return old_site(request);
        if (request.starts_with("GET /openapi.json ")) return openapi(kNew);
        if (request.starts_with("DELETE /slurm/v0.0.42/job/7?signal=USR1 "))
            return http(200, R"({"errors":[]})");
        return http(404, "Unable find requested URL");
    });
    Client client({site.url(), ""});
    CHECK(client.cancel(kAlice, 7));
    upgraded = true;
    CHECK(client.cancel(kAlice, 7, "USR1"));
    CHECK(client.version() == Version{42});
    // An address that stays missing is no reason to go on asking.
    const auto missing = client.nodes(kAlice);
    CHECK(missing.error().trouble == Trouble::kRefused);
    CHECK(site.lines().size() == 8);
}

TEST_CASE("another job than the one asked for is garbage", "[rest]") {
    FakeSite site([](const std::string& request) {
        return request.starts_with("GET /slurm/v0.0.38/job/9 ") ? job_answer("7") : old_site(request);
    });
    Client client({site.url(), ""});
    CHECK(client.job(kAlice, 7)->id == 7);
    CHECK(client.job(kAlice, 8).error().trouble == Trouble::kNotFound);
    CHECK(client.job(kAlice, 9).error().trouble == Trouble::kGarbage);
}

TEST_CASE("the token is in no message, even if the site echoes it", "[rest]") {
    FakeSite site([](const std::string& request) {
        if (request.starts_with("GET /openapi.json ")) return openapi(kOld);
        return http(401, "token s3cret of w-alice is not good");
    });
    Client client({site.url(), ""});
    const auto jobs = client.jobs(kAlice);
    REQUIRE(!jobs);
    CHECK(jobs.error().trouble == Trouble::kUnauthorized);
    CHECK(jobs.error().message ==
          "GET " + site.url() +
              "/slurm/v0.0.38/jobs: the site answers 401: token ... of w-alice is not good");
}

TEST_CASE("a token goes over no network in clear", "[rest]") {
    for (const char* url :
         {"http://rest.west.example", "http://127.0.0.1.west.example", "http://localhost.example"}) {
        Client client({url, ""});
        const auto jobs = client.jobs(kAlice);
        REQUIRE(!jobs);
        CHECK(jobs.error().trouble == Trouble::kUnreachable);
        CHECK(jobs.error().message.find("https is needed") != std::string::npos);
    }
}

TEST_CASE("v0.0.36 is spoken around its faults", "[rest]") {
    FakeSite site([](const std::string& request) {
        if (request.starts_with("GET /openapi.json ")) return openapi(R"("/slurm/v0.0.36/ping":{})");
        if (request.starts_with("GET /slurm/v0.0.36/jobs ")) return job_answer("7");
        return http(500, R"({"errors":[{"error":"_handle_job_get: unknown job"}],"jobs":[]})");
    });
    Client client({site.url(), ""});
    CHECK(client.job(kAlice, 7)->id == 7);
    CHECK(client.job(kAlice, 8).error().trouble == Trouble::kNotFound);
}

}  // namespace weir::rest::test
