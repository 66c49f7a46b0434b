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

TEST_CASE("what a user said of running elsewhere is noted in one form", "[job_submit][options]") {
    Options options;
    options.overflow = "prefer:west,east";
    options.max_cost = "12.5";
    options.latency = "1s";
    options.stage_in = "4096";
    options.stage_out = "";
    const Noted noted = note(options, batch_job());
    CHECK(noted.entries == decltype(noted.entries){{"overflow", "prefer:west,east"},
                                                   {"max_cost", "12.50"},
                                                   {"latency", "1000ms"},
                                                   {"stage_in", "4096"}});
    OverflowRequest request;
    request.wish = OverflowWish::kPrefer;
    request.sites = {"west", "east"};
    request.max_cost = Money{12'500'000};
    request.latency = std::chrono::seconds(1);
    request.stage_in = Bytes{4096};
    CHECK(noted.request == request);
}

TEST_CASE("a size that sbatch could not tell is not noted, and what it found wrong is refused",
          "[job_submit][options]") {
    Options options;
    options.stage_in = "";
    CHECK(note(options, batch_job()) == Noted{});
    options.stage_in = "!\"data\" (in \"/home/a\"): No such file\nor directory";
    CHECK(note(options, batch_job()) ==
          Noted{{}, "weir: --weir-stage-in: \"data\" (in \"/home/a\"): No such file?or directory", {}});
    options.stage_in = "!" + std::string(5000, 'x');
    CHECK(note(options, batch_job()).refusal.size() < 500);
    for (const char* forged : {"-1", "1 weir:site=west@1", "9999999999999999999", "1;site=west@0"}) {
        options.stage_in = forged;
        CHECK(note(options, batch_job()).refusal.ends_with("is not a number of bytes"));
    }
}

TEST_CASE("only batch jobs may say that they run elsewhere; each may say that it does not",
          "[job_submit][options]") {
    Submission interactive;
    const auto refusal = [&](auto Options::*option, const char* value) {
        Options options;
        options.*option = value;
        return note(options, interactive).refusal;
    };
    const std::string only = "only batch jobs run elsewhere; submit one with sbatch";
    CHECK(refusal(&Options::overflow, "allow") == "weir: --weir-overflow: " + only);
    CHECK(refusal(&Options::overflow, "prefer:west") == "weir: --weir-overflow: " + only);
    CHECK(refusal(&Options::max_cost, "5") == "weir: --weir-max-cost: " + only);
    CHECK(refusal(&Options::latency, "5ms") == "weir: --weir-latency: " + only);
    CHECK(refusal(&Options::stage_in, "") == "weir: --weir-stage-in: " + only);
    CHECK(refusal(&Options::stage_out, "") == "weir: --weir-stage-out: " + only);
    CHECK(refusal(&Options::overflow, "never").empty());
    CHECK(
        refusal(&Options::overflow, "allow:west;site=west@1").starts_with("weir: --weir-overflow: \"west;"));
}

TEST_CASE("a job that can run here alone may say no other", "[job_submit][options]") {
    Submission job = batch_job();
    job.stays = "it is of here";
    Options options;
    options.overflow = "prefer";
    CHECK(note(options, job).refusal == "weir: --weir-overflow: it is of here");
    options.overflow = "never";
    CHECK(note(options, job).refusal.empty());
    CHECK(note({}, job).refusal.empty());
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
