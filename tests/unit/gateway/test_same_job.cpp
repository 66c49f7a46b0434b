// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/gateway/clerk.h"

using namespace weir;
using namespace weir::gateway;

namespace {

Record sent() {
    Record record;
    record.run.job = JobId{17};
    record.run.submitted = Time(Duration(1000));
    record.run.restarts = 1;
    record.uid = 64101;
    return record;
}

LocalJob job(std::uint32_t restarts, int submitted) {
    LocalJob result;
    result.id = 17;
    result.uid = 64101;
    result.restarts = restarts;
    result.submitted = Time(Duration(submitted));
    return result;
}

}  // namespace

TEST_CASE("a copy's job is known by its id, its user and when it was submitted", "[gateway]") {
    CHECK(same_job(sent(), job(1, 1000)));
    CHECK_FALSE(same_job(sent(), job(1, 1001)));
    CHECK_FALSE(same_job(sent(), job(1, 999)));
    LocalJob other = job(1, 1000);
    other.uid = 64102;
    CHECK_FALSE(same_job(sent(), other));
    other = job(1, 1000);
    other.id = 18;
    CHECK_FALSE(same_job(sent(), other));
}

TEST_CASE("a job that was requeued is the same, and one whose requeue Slurm has forgotten", "[gateway]") {
    CHECK(same_job(sent(), job(2, 1500)));
    CHECK_FALSE(same_job(sent(), job(2, 900)));
    CHECK(same_job(sent(), job(0, 400)));
    // Slurm has lost its state and gives out the id again: later.
    CHECK_FALSE(same_job(sent(), job(0, 1500)));
}

TEST_CASE("a copy that was taken back, or that its site has let down, counts for nothing", "[gateway]") {
    Record record = sent();
    CHECK_FALSE(record.given_up());
    record.outcome = Outcome{7, 0, false, false, ""};
    CHECK_FALSE(record.given_up());
    record.outcome->requeue = true;
    CHECK(record.given_up());
    record.outcome.reset();
    record.withdrawal = Withdrawal::kWaitedLong;
    CHECK(record.given_up());
}
