// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/job_submit/options.h"

using namespace weir;
using namespace weir::job_submit;

namespace {

Submission batch_job() {
    Submission job;
    job.batch = true;
    job.has_script = true;
    return job;
}

}  // namespace

TEST_CASE("what a user said is noted in one form", "[job_submit][options]") {
    CHECK(note({}, batch_job()) == Noted{});
    CHECK(note({"sigusr1@2m,reload=1m", "15@30"}, batch_job()) ==
          Noted{{{"checkpoint", "USR1@120,reload=60s"}, {"notice", "B:TERM@30"}}, ""});
}

TEST_CASE("a job without a script of its own is told through its steps", "[job_submit][options]") {
    Submission job = batch_job();
    job.has_script = false;
    CHECK(note({{}, "TERM@30"}, job) == Noted{{{"notice", "TERM@30"}}, ""});
}

TEST_CASE("what contradicts the job is refused, and nothing is noted", "[job_submit][options]") {
    Submission job = batch_job();
    const auto refusal = [&](const Options& options) {
        const Noted noted = note(options, job);
        CHECK(noted.entries.empty());
        return noted.refusal;
    };
    job.time_limit = Duration(120);
    CHECK(refusal({"USR1@120", {}}) ==
          "weir: --weir-checkpoint: 2m is no shorter than the job's time limit of 2m");
    CHECK(refusal({"USR1@119", "TERM@1h"}) ==
          "weir: --weir-notice: 1h is no shorter than the job's time limit of 2m");
    CHECK(refusal({"USR1", {}}).starts_with("weir: --weir-checkpoint: \"USR1\" does not say"));
    job.requeueable = Submission::Requeue::kRefusedByUser;
    CHECK(refusal({"USR1@5", {}}).find("--no-requeue") != std::string::npos);
    job.requeueable = Submission::Requeue::kNotByDefault;
    CHECK(refusal({"USR1@5", {}}).ends_with("add --requeue"));
    job.batch = false;
    CHECK(refusal({"USR1@5", {}}).ends_with("submit one with sbatch"));
}
