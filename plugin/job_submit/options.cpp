// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/job_submit/options.h"

#include <algorithm>

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

// The first option of several that says something of running elsewhere; null: none does.
const spank::Option* first_said(const Options& options) {
    if (options.overflow) return &spank::kOverflow;
    if (options.max_cost) return &spank::kMaxCost;
    if (options.latency) return &spank::kLatency;
    if (options.stage_in) return &spank::kStageIn;
    return options.stage_out ? &spank::kStageOut : nullptr;
}

// What sbatch found wrong with paths, fit for one line.
std::string told_fault(std::string text) {
    constexpr std::size_t kMostBytes = 400;
    text.erase(0, 1);
    text.resize(std::min(text.size(), kMostBytes));
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    return text;
}

// What the user said of running elsewhere; absent if a value is wrong, which is then noted.
std::optional<OverflowRequest> read_elsewhere(const Options& options, Noted& noted) {
    OverflowRequest request;
    const auto read = [&](const spank::Option& option, const std::optional<std::string>& value, auto reader,
                          auto&& into) {
        if (!value || !noted.refusal.empty()) return;
        if (const auto meant = reader(*value))
            into(*meant);
        else
            noted.refusal = spank::said_of(option, meant.error());
    };
    read(spank::kOverflow, options.overflow, spank::read_overflow, [&](const auto& said) { request = said; });
    read(spank::kMaxCost, options.max_cost, spank::read_max_cost,
         [&](Money most) { request.max_cost = most; });
    read(spank::kLatency, options.latency, spank::read_latency, [&](auto most) { request.latency = most; });
    if (options.stage_in && options.stage_in->starts_with(spank::kFaultMark))
        noted.refusal = spank::said_of(spank::kStageIn, told_fault(*options.stage_in));
    else if (options.stage_in && !options.stage_in->empty())
        read(spank::kStageIn, options.stage_in, spank::read_bytes,
             [&](Bytes size) { request.stage_in = size; });
    if (!noted.refusal.empty()) return std::nullopt;
    return request;
}

// Notes what the user said of running elsewhere, as plugin/job_submit/token.h reads it.
void note_elsewhere(const Options& options, const Submission& job, Noted& noted) {
    const spank::Option* said = first_said(options);
    if (said == nullptr) return;
    const auto request = read_elsewhere(options, noted);
    if (!request) return;
    const bool stays = request->wish == OverflowWish::kNever;
    if (!job.batch && !stays) {
        noted.refusal = spank::said_of(*said, "only batch jobs run elsewhere; submit one with sbatch");
        return;
    }
    if (!job.stays.empty() && request->wish && !stays) {
        noted.refusal = spank::said_of(spank::kOverflow, job.stays);
        return;
    }
    noted.request = *request;
    if (request->wish) noted.entries.emplace_back(token::kOverflow, spank::overflow_text(*request));
    if (request->max_cost) noted.entries.emplace_back(token::kMaxCost, weir::to_text(*request->max_cost));
    if (request->latency) noted.entries.emplace_back(token::kLatency, spank::latency_text(*request->latency));
    if (request->stage_in)
        noted.entries.emplace_back(token::kStageIn, std::to_string(request->stage_in->value));
}

}  // namespace

Noted note(const Options& options, const Submission& job) {
    Noted noted;
    if (options.checkpoint) {
        const auto checkpoint = spank::read_checkpoint(*options.checkpoint);
        std::string wrong = checkpoint ? contradiction(*checkpoint, job) : checkpoint.error();
        if (!wrong.empty()) return {{}, spank::said_of(spank::kCheckpoint, wrong), {}};
        noted.entries.emplace_back(token::kCheckpoint, spank::to_text(*checkpoint));
    }
    if (options.notice) {
        auto notice = spank::read_notice(*options.notice);
        std::string wrong = notice ? too_long(*notice->within, job) : notice.error();
        if (!wrong.empty()) return {{}, spank::said_of(spank::kNotice, wrong), {}};
        notice->batch_only = job.has_script;
        noted.entries.emplace_back(token::kNotice, spank::to_text(*notice));
    }
    note_elsewhere(options, job, noted);
    if (!noted.refusal.empty()) return {{}, noted.refusal, {}};
    return noted;
}

}  // namespace weir::job_submit
