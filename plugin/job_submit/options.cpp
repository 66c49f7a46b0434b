// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/job_submit/options.h"

#include "plugin/job_submit/token.h"
#include "plugin/spank/options.h"
#include "plugin/spank/values.h"

namespace weir::job_submit {
namespace {

// A job that needs longer to leave than it may run cannot mean what it says.
std::string too_long(Duration within, const Submission& job) {
    if (!job.time_limit || within < *job.time_limit) return {};
    return weir::to_text(within) + " is no shorter than the job's time limit of " +
           weir::to_text(*job.time_limit);
}

std::string contradiction(const Checkpoint& checkpoint, const Submission& job) {
    if (!job.batch) return "only a batch script can be told to save; submit one with sbatch";
    if (job.requeueable == Submission::Requeue::kRefusedByUser)
        return "a job with --no-requeue cannot start again from what it saved; leave one of the two out";
    if (job.requeueable == Submission::Requeue::kNotByDefault)
        return "jobs are not requeued here unless they ask for it; add --requeue";
    return too_long(checkpoint.within, job);
}

}  // namespace

Noted note(const Options& options, const Submission& job) {
    Noted noted;
    if (options.checkpoint) {
        const auto checkpoint = spank::read_checkpoint(*options.checkpoint);
        std::string wrong = checkpoint ? contradiction(*checkpoint, job) : checkpoint.error();
        if (!wrong.empty()) return {{}, spank::said_of(spank::kCheckpoint, wrong)};
        noted.entries.emplace_back(token::kCheckpoint, spank::to_text(*checkpoint));
    }
    if (options.notice) {
        auto notice = spank::read_notice(*options.notice);
        std::string wrong = notice ? too_long(*notice->within, job) : notice.error();
        if (!wrong.empty()) return {{}, spank::said_of(spank::kNotice, wrong)};
        notice->batch_only = job.has_script;
        noted.entries.emplace_back(token::kNotice, spank::to_text(*notice));
    }
    return noted;
}

}  // namespace weir::job_submit
