// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/gateway/rest/messages.h"

namespace weir::rest::test {

namespace {

std::string errors_with(int number) {
    return R"({"errors":[{"description":"said","error_number":)" + std::to_string(number) +
           R"(,"error":"words"}]})";
}

Trouble submit_trouble(int status, const std::string& body) {
    const auto read = read_submitted(status, body);
    REQUIRE(!read);
    return read.error().trouble;
}

}  // namespace

TEST_CASE("an error in an answer counts, whatever the status", "[rest]") {
    const auto read = read_submitted(200, errors_with(2000));
    REQUIRE(!read);
    CHECK(read.error() == Failure{Trouble::kRefused, "the site says: said: words", 2000});
}

TEST_CASE("a job with an id was submitted, whatever else is said", "[rest]") {
    // Slurm 22.05, of a job that has to wait for a node that is down.
    const std::string body =
        R"({"errors":[{"error_code":2068,"error":"Required node not available"}],"job_id":17})";
    CHECK(read_submitted(200, body) == 17U);
    CHECK(read_submitted(500, body) == 17U);
    CHECK(submit_trouble(200, R"({"errors":[],"job_id":0})") == Trouble::kGarbage);
    CHECK(submit_trouble(200, R"({"errors":[],"job_id":-7})") == Trouble::kGarbage);
    CHECK(submit_trouble(200, R"({"errors":[],"job_id":1e300})") == Trouble::kGarbage);
    CHECK(submit_trouble(200, R"({"errors":[],"job_id":99999999999999999999})") == Trouble::kGarbage);
    CHECK(submit_trouble(200, R"({"errors":[]})") == Trouble::kGarbage);
}

TEST_CASE("slurmrestd that lost the controller's answer leaves a submission unsure", "[rest]") {
    CHECK(submit_trouble(500, errors_with(1003)) == Trouble::kUnsure);  // receive failure
    CHECK(submit_trouble(500, errors_with(5004)) == Trouble::kUnsure);  // socket timed out
    CHECK(submit_trouble(500, errors_with(-1)) == Trouble::kUnsure);    // unspecified
    CHECK(submit_trouble(500, errors_with(104)) == Trouble::kUnsure);   // connection reset
    CHECK(submit_trouble(500, errors_with(1001)) == Trouble::kUnreachable);
    CHECK(submit_trouble(500, errors_with(1800)) == Trouble::kUnreachable);
    CHECK(submit_trouble(500, errors_with(1007)) == Trouble::kUnauthorized);
    CHECK(submit_trouble(500, errors_with(6000)) == Trouble::kUnauthorized);
}

TEST_CASE("of several errors the one that tells most counts", "[rest]") {
    CHECK(submit_trouble(
              400, R"({"errors":[{"error_code":-1,"error":"bad"},{"error_code":9001,"error":"parsing"}]})") ==
          Trouble::kRefused);
    CHECK(submit_trouble(500, R"({"errors":[{"error_code":9001},{"error_code":1003}]})") == Trouble::kUnsure);
    // v0.0.39 without slurmdbd
    CHECK(submit_trouble(500, R"({"errors":[{"error_number":7000},{"error_number":2000}]})") ==
          Trouble::kRefused);
    CHECK(submit_trouble(500, errors_with(7000)) == Trouble::kUnsure);
}

TEST_CASE("an answer that is not slurmrestd's is judged by its status", "[rest]") {
    const std::string page = "<html>\n<h1>nginx</h1></html>";
    CHECK(submit_trouble(200, page) == Trouble::kGarbage);
    CHECK(submit_trouble(302, page) == Trouble::kGarbage);
    CHECK(submit_trouble(401, page) == Trouble::kUnauthorized);
    CHECK(submit_trouble(403, page) == Trouble::kUnauthorized);
    CHECK(submit_trouble(404, page) == Trouble::kRefused);
    CHECK(submit_trouble(413, page) == Trouble::kRefused);
    CHECK(submit_trouble(429, page) == Trouble::kUnreachable);
    for (const int status : {500, 502, 503, 504}) CHECK(submit_trouble(status, page) == Trouble::kUnsure);
    CHECK(read_submitted(502, page).error().message == "the site answers 502: <html>");
    CHECK(read_cancelled(200, "{}").error().trouble == Trouble::kGarbage);
    CHECK(read_cancelled(200, "").error().message == "the answer is not as the API has it: it is empty");
}

TEST_CASE("what a cancellation tells of each job counts", "[rest]") {
    const auto cancel = [](const std::string& code) {
        return read_cancelled(
            200, R"({"errors":[],"status":[{"error":{"code":0}},{"error":{"message":"said","code":)" + code +
                     "}}]}");
    };
    CHECK(cancel("0"));
    CHECK(cancel("2021"));  // it had ended already
    CHECK(cancel("2017").error().trouble == Trouble::kNotFound);
    CHECK(cancel("2002").error() == Failure{Trouble::kUnauthorized, "the site says: said", 2002});
    CHECK(cancel("\"x\"").error().trouble == Trouble::kGarbage);
    CHECK(read_cancelled(200, R"({"errors":[],"status":[7]})").error().trouble == Trouble::kGarbage);
}

TEST_CASE("a value that cannot be makes the whole list garbage", "[rest]") {
    const std::string before =
        R"({"errors":[],"jobs":[{"job_id":7,"name":"a","user_name":"b","comment":null,)"
        R"("state_reason":"None","nodes":"","submit_time":5,"start_time":0,"end_time":0,)";
    const auto read = [&](const std::string& rest) { return read_jobs(200, before + rest + "}]}"); };
    REQUIRE(read(R"("job_state":"PENDING")"));
    CHECK(read(R"("job_state":"PENDING")")->front() ==
          Job{7, "a", "b", State::kPending, "", "", Time(Duration(5)), {}, {}, {}, 0, 0, ""});
    CHECK(read(R"("job_state":"NOVEL")")->front().state == State::kUnknown);
    CHECK(read(R"("job_state":7)").error().message ==
          "the answer is not as the API has it: job 7 has no words as its job_state");
    CHECK(!read(R"("job_state":["RUNNING",7])"));
    CHECK(!read(R"("job_state":"FAILED","exit_code":"three")"));
    CHECK(!read(R"("job_state":"FAILED","exit_code":-3)"));
    CHECK(!read(R"("job_state":"FAILED","exit_code":{"return_code":{"number":1}})"));
    CHECK(!read(R"("job_state":"FAILED")"));
    CHECK(!read(R"("state":"FAILED")"));
    CHECK(!read_jobs(200, R"({"errors":[],"jobs":[7]})"));
    CHECK(!read_jobs(200, R"({"errors":[],"jobs":{}})"));
    CHECK(!read_jobs(200, R"({"errors":[]})"));
    CHECK(!read_jobs(200, "[]"));
    CHECK(!read_jobs(200, std::string(100'000, '[')));
}

TEST_CASE("several states of a job are folded into one", "[rest]") {
    const auto folded = [](const std::string& states) {
        return read_states(200, R"({"errors":[],"jobs":[{"job_id":"7","state":)" + states + "}]}")
            ->front()
            .state;
    };
    CHECK(folded(R"(["COMPLETED"])") == State::kCompleted);
    CHECK(folded(R"(["COMPLETED","COMPLETING"])") == State::kCompleting);
    CHECK(folded(R"(["FAILED","STAGE_OUT"])") == State::kCompleting);
    CHECK(folded(R"(["PENDING","COMPLETING"])") == State::kPending);
    CHECK(folded(R"(["COMPLETED","REQUEUED","COMPLETING"])") == State::kPending);
    CHECK(folded(R"(["FAILED","COMPLETING","SPECIAL_EXIT"])") == State::kPending);
    CHECK(folded(R"(["RUNNING","CONFIGURING"])") == State::kRunning);
    CHECK(folded(R"(["RUNNING","STOPPED"])") == State::kSuspended);
    CHECK(folded(R"(["FAILED","LAUNCH_FAILED"])") == State::kFailed);
    CHECK(folded(R"("COMPLETING")") == State::kCompleting);
    CHECK(folded(R"([])") == State::kUnknown);
    CHECK(!ended(State::kCompleting));
    CHECK(!ended(State::kUnknown));
    CHECK(ended(State::kNodeFail));
}

TEST_CASE("names that are no UTF-8 spoil no list", "[rest]") {
    const auto states = read_states(
        200, "{\"errors\":[],\"user\":\"J\xF6rg\",\"jobs\":[{\"job_id\":\"7\",\"state\":[\"RUNNING\"]}]}");
    REQUIRE(states);
    CHECK(states->size() == 1);
}

TEST_CASE("versions that nobody here knows are passed over, and told if there are no others", "[rest]") {
    const auto best = [](const std::string& paths) {
        return versions_offered(200, R"({"paths":{)" + paths + "}}").and_then(choose);
    };
    const std::string old = R"("/slurm/v0.0.38/ping":{},"/slurmdb/v0.0.38/ping":{})";
    CHECK(best(old)->version == Version{38});
    CHECK(best(old + R"(,"/slurm/v0.0.47/ping/":{},"/slurm/v0.0.47/jobs/state/":{})")->version ==
          Version{38});
    CHECK(best(old + R"(,"/slurm/v0.0.44/ping/":{},"/slurm/v0.0.44/jobs/state/":{})") == Offer{{44}, true});
    CHECK(best(old + R"(,"/slurm/v0.0.39/ping":{})")->version == Version{38});
    CHECK(best(R"("/slurm/v0.0.39/ping":{})")->version == Version{39});
    CHECK(best(R"("/slurm/v0.0.46/ping":{},"/slurm/v0.0.47/ping":{})").error().message ==
          "the site offers v0.0.46, v0.0.47; v0.0.36 to v0.0.45 are known here");
    CHECK(best("").error().message ==
          "the site offers no version of Slurm's REST API; v0.0.36 to v0.0.45 are known here");
    CHECK(versions_offered(200, "{}").error().trouble == Trouble::kGarbage);
    CHECK(versions_offered(401, "Authentication failure").error().trouble == Trouble::kUnauthorized);
}

}  // namespace weir::rest::test
