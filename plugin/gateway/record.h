// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/gateway/rest/model.h"
#include "plugin/result.h"
#include "policies/model/remote.h"

namespace weir::gateway {

// Why a copy is taken back.
enum class Withdrawal {
    kNone,
    kCancelled,   // the local job was cancelled, timed out, or is gone
    kRequeued,    // the local job was requeued by somebody and starts anew
    kWaitedLong,  // it waited there for longer than the policy allows; the local job is requeued
    kRefused,     // the site does not take it, or lost it; the local job is requeued
    kElsewhere,   // the local job runs somewhere else
};

// How a copy ended, as its local job shall end.
struct Outcome {
    int exit_code = 0;
    int signal = 0;          // that ended it; 0: none
    bool timed_out = false;  // at its time limit
    bool requeue = false;    // the site ended it through no fault of its own: the local job is requeued
    std::string said;        // for its user; empty: nothing to say
    bool hold = false;  // whether, or how, it ran cannot be told: requeued it is held, for its user to say

    bool operator==(const Outcome&) const = default;
};

// What a gateway knows of one local job's copy, as it is kept on disk. Written before the site is asked for
// anything that cannot be asked twice.
struct Record {
    RemoteRun run;
    std::string site;
    std::uint32_t uid = 0;
    // The copy's, "weir.INSTALLATION.JOB.NONCE": what it is known by at the site. Without a nonce: it may be
    // there by any, and the site is asked first.
    std::string name;
    std::optional<Time> attempted;       // since when a submission by that name may have reached the site
    std::string directory;               // of the copy at the site
    std::string output;                  // its files there
    std::string errors;                  // empty: one with `output`
    std::vector<std::string> arguments;  // of the script
    std::vector<std::string> stage_in;
    std::vector<std::string> stage_out;
    bool doubted = false;           // a submission by that name may be there beside the one that is known
    bool kept = false;              // what has not come back is left at the site
    bool output_kept = false;       // and so is its output
    std::vector<std::string> left;  // of copies of this job before it, to be taken away too
    bool staged = false;            // what goes there is there
    bool fetched = false;           // what comes back is back
    std::int64_t delivered[2] = {0, 0};  // bytes of output and errors that the relay has written
    Withdrawal withdrawal = Withdrawal::kNone;
    std::optional<Outcome> outcome;
    std::optional<Time> waiting_since;  // pending there since

    bool ended() const { return run.stage == RunStage::kFinished; }
    // What it came to does not count: its local job, if it runs again, gets another copy.
    bool given_up() const { return withdrawal != Withdrawal::kNone || (outcome && outcome->requeue); }
};

// What a copy that is over, and those before it, may still have at the site and nobody needs. `lost`: its
// output was not all written here.
std::vector<std::string> litter(const Record& record, bool lost);

// Whether a job at a site is the account's; v0.0.36 tells of none whose it is.
bool may_be_of(const rest::Job& job, const std::string& account);

// Gives the copy this name, and its files at the site theirs; they stay in the same folder.
void name_copy(Record& record, const std::string& name);
// Whether a job of this name at the site is the copy; by its prefix one that was taken back is not, nor one
// that was over before its local job was submitted, or requeued.
bool is_copy(const Record& record, const rest::Job& job);
// So late a submission may come that was not answered: proxies wait so long.
constexpr Duration kMayArrive{60};
// Whether one by its name that was made before the one that is known may have come besides, or may yet come.
bool may_be_twice(const Record& record, Time now);
bool may_yet_come(const Record& record, Time now);
std::string with_nonce(const std::string& prefix);
// Whether it may be a nonce, or none: a relay may say anything, and names become paths.
bool is_nonce(std::string_view text);

nlohmann::json to_json(const Record& record);
nlohmann::json to_json(const RemoteRun& run);
Result<Record> read_record(const nlohmann::json& json);
const char* stage_word(RunStage stage);

}  // namespace weir::gateway
