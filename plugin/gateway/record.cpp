// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/record.h"

#include <array>
#include <random>
#include <string_view>
#include <utility>

namespace weir::gateway {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr Duration kDoubt{240};  // after a second submission
constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::array<std::pair<RunStage, const char*>, 7> kStages{{
    {RunStage::kStaging, "staging"},
    {RunStage::kSubmitting, "submitting"},
    {RunStage::kWaiting, "waiting"},
    {RunStage::kRunning, "running"},
    {RunStage::kFetching, "fetching"},
    {RunStage::kWithdrawing, "withdrawing"},
    {RunStage::kFinished, "finished"},
}};

json when(const std::optional<Time>& time) {
    return time ? json(time->time_since_epoch().count()) : json();
}

std::optional<Time> when(const json& value) {
    if (value.is_null()) return std::nullopt;
    return Time(Duration(value.get<std::int64_t>()));
}

RunStage read_stage(const std::string& word) {
    for (const auto& [stage, text] : kStages)
        if (word == text) return stage;
    throw std::invalid_argument("no stage is called " + word);
}

RemoteRun read_run(const json& from) {
    RemoteRun run;
    run.sequence = from.value("sequence", std::uint64_t{0});
    run.job = JobId{from.at("job").get<std::uint32_t>()};
    run.submitted = *when(from.at("submitted"));
    run.label = from.at("label");
    run.user = from.at("user");
    run.restarts = from.at("restarts");
    run.stage = read_stage(from.at("stage"));
    run.remote_id = from.at("remote_id");
    run.remote_user = from.at("remote_user");
    run.asked = when(from.at("asked"));
    run.started = when(from.at("started"));
    run.ended = when(from.at("ended"));
    run.gpus = from.at("gpus");
    run.gpu_type = from.at("gpu_type");
    run.brought = Bytes{from.value("brought", std::int64_t{0})};
    run.account = from.value("account", std::string());
    run.withdrawn = from.at("withdrawn");
    run.said = from.at("said");
    return run;
}

}  // namespace

const char* stage_word(RunStage stage) {
    for (const auto& [known, text] : kStages)
        if (stage == known) return text;
    return "";
}

std::vector<std::string> litter(const Record& record, bool lost) {
    std::vector<std::string> paths = record.left;
    if (!record.run.asked && record.stage_in.empty()) return paths;
    if (!record.kept) paths.push_back(record.directory);
    if (lost || record.output_kept) return paths;
    paths.push_back(record.output);
    if (!record.errors.empty()) paths.push_back(record.errors);
    return paths;
}

void name_copy(Record& record, const std::string& name) {
    record.name = name;
    record.directory = record.directory.substr(0, record.directory.rfind('/') + 1) + name;
    record.output = record.directory + ".out";
    if (!record.errors.empty()) record.errors = record.directory + ".err";
}

bool may_be_of(const rest::Job& job, const std::string& account) {
    return job.user.empty() || job.user == account;
}

bool is_copy(const Record& record, const rest::Job& job) {
    if (!may_be_of(job, record.run.remote_user)) return false;
    if (!record.name.ends_with('.')) return job.name == record.name;
    if (!job.name.starts_with(record.name)) return false;
    return !rest::ended(job.state) ||
           (job.state != rest::State::kCancelled && job.ended && *job.ended >= record.run.submitted);
}

bool may_be_twice(const Record& record, Time now) {
    return record.doubted && record.attempted && now - *record.attempted < kDoubt;
}

bool may_yet_come(const Record& record, Time now) {
    return record.doubted && record.attempted && now - *record.attempted < kMayArrive;
}

bool is_nonce(std::string_view text) {
    return text.size() <= 8 && text.find_first_not_of(kDigits) == std::string_view::npos;
}

// Eight hexadecimal digits that nobody can foresee.
std::string with_nonce(const std::string& prefix) {
    std::random_device source;
    std::string text = prefix;
    for (std::uint32_t value = source(); text.size() < prefix.size() + 8; value >>= 4)
        text += kDigits[value & 15];
    return text;
}

json to_json(const RemoteRun& run) {
    json result{{"job", run.job.value},
                {"submitted", when(std::optional(run.submitted))},
                {"label", run.label},
                {"user", run.user},
                {"restarts", run.restarts},
                {"stage", stage_word(run.stage)},
                {"remote_id", run.remote_id},
                {"remote_user", run.remote_user},
                {"asked", when(run.asked)},
                {"started", when(run.started)},
                {"ended", when(run.ended)},
                {"gpus", run.gpus},
                {"gpu_type", run.gpu_type},
                {"brought", run.brought.value},
                {"account", run.account},
                {"withdrawn", run.withdrawn},
                {"said", run.said}};
    if (run.sequence != 0) result["sequence"] = run.sequence;
    return result;
}

json to_json(const Record& record) {
    json result{{"version", kVersion},
                {"run", to_json(record.run)},
                {"site", record.site},
                {"uid", record.uid},
                {"name", record.name},
                {"attempted", when(record.attempted)},
                {"directory", record.directory},
                {"output", record.output},
                {"errors", record.errors},
                {"arguments", record.arguments},
                {"stage_in", record.stage_in},
                {"stage_out", record.stage_out},
                {"doubted", record.doubted},
                {"kept", record.kept},
                {"staged", record.staged},
                {"fetched", record.fetched},
                {"delivered", {record.delivered[0], record.delivered[1]}},
                {"withdrawal", static_cast<int>(record.withdrawal)},
                {"waiting_since", when(record.waiting_since)}};
    if (record.output_kept) result["output_kept"] = true;
    if (!record.left.empty()) result["left"] = record.left;
    if (record.outcome)
        result["outcome"] = {{"exit_code", record.outcome->exit_code}, {"signal", record.outcome->signal},
                             {"timed_out", record.outcome->timed_out}, {"requeue", record.outcome->requeue},
                             {"hold", record.outcome->hold},           {"said", record.outcome->said}};
    return result;
}

Result<Record> read_record(const json& from) {
    try {
        if (from.at("version") != kVersion)
            return failure("is of version " + from.at("version").dump() + ", this program knows 1");
        Record record;
        record.run = read_run(from.at("run"));
        record.site = from.at("site");
        record.uid = from.at("uid");
        record.name = from.at("name");
        record.attempted = when(from.at("attempted"));
        record.directory = from.at("directory");
        record.output = from.at("output");
        record.errors = from.at("errors");
        record.arguments = from.at("arguments").get<std::vector<std::string>>();
        record.stage_in = from.at("stage_in").get<std::vector<std::string>>();
        record.stage_out = from.at("stage_out").get<std::vector<std::string>>();
        record.doubted = from.at("doubted");
        record.kept = from.at("kept");
        record.output_kept = from.value("output_kept", false);
        record.left = from.value("left", std::vector<std::string>());
        record.staged = from.at("staged");
        record.fetched = from.at("fetched");
        record.delivered[0] = from.at("delivered").at(0);
        record.delivered[1] = from.at("delivered").at(1);
        record.withdrawal = static_cast<Withdrawal>(from.at("withdrawal").get<int>());
        record.waiting_since = when(from.at("waiting_since"));
        if (from.contains("outcome")) {
            const json& outcome = from.at("outcome");
            record.outcome =
                Outcome{outcome.at("exit_code"), outcome.at("signal"), outcome.at("timed_out"),
                        outcome.at("requeue"),   outcome.at("said"),   outcome.value("hold", false)};
        }
        return record;
    } catch (const std::exception& error) {
        return failure(error.what());
    }
}

}  // namespace weir::gateway
