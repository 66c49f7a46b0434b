// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policies/model/remote.h"
#include "policies/model/signals.h"
#include "policies/model/units.h"

// What Weir writes into a job's AdminComment. To remember: one word without blanks,
// `weir:key=value;key=value`, anywhere in the text. To tell: one sentence, `[Weir TIME: SENTENCE]`. The rest
// of the text is the admin's and is left as it stands; so are keys that this version does not know.
namespace weir::job_submit::token {

// The begin time, in unix seconds, that job_submit_weir gave the job: the only one that weirctld may clear.
inline constexpr std::string_view kBegin = "begin";
// What the user said, as plugin/spank/values.h writes it: --weir-notice or else --signal, and
// --weir-checkpoint.
inline constexpr std::string_view kNotice = "notice";
inline constexpr std::string_view kCheckpoint = "checkpoint";
// sbatch --signal, as it is written there: slurmctld tells it nobody else.
inline constexpr std::string_view kSignal = "signal";
// --weir-overflow, --weir-max-cost, --weir-latency, and the size of what --weir-stage-in names.
inline constexpr std::string_view kOverflow = "overflow";
inline constexpr std::string_view kMaxCost = "max_cost";
inline constexpr std::string_view kLatency = "latency";
inline constexpr std::string_view kStageIn = "stage_in";
// `west@1f3a9c20b7d4e5f6`: the site that weirctld has nominated the job for, and its installation's id. Never
// a user's word.
inline constexpr std::string_view kSite = "site";

std::optional<std::string> get(std::string_view comment, std::string_view key);

// The comment with the key set. Unchanged if key or value are empty or hold a blank, `;` or (the key) `=`.
std::string set(std::string_view comment, std::string_view key, std::string_view value);

// The comment without the key; without the word, too, once it is left with no key.
std::string remove(std::string_view comment, std::string_view key);

// kBegin as a time; absent if there is none or it cannot be read.
std::optional<Time> begin(std::string_view comment);

// The user's words; absent where the token does not hold them, or in a way that this version does not know.
std::optional<NoticeSignal> notice(std::string_view comment);
std::optional<Checkpoint> checkpoint(std::string_view comment);

// The same of what the user said of running elsewhere; absent where nothing of it is there.
std::optional<OverflowRequest> overflow(std::string_view comment);

// The comment with this sentence, which holds no `]`, in place of what Weir told before.
std::string tell(std::string_view comment, Time at, std::string_view sentence);

// "TIME: SENTENCE" as last told; empty if there is none.
std::string told(std::string_view comment);

}  // namespace weir::job_submit::token
