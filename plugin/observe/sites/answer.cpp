// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/sites/answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace weir::observe {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::size_t kLongestSaying = 1000;

Time time_in(const json& value) {
    return Time(Duration(value.get<std::int64_t>()));
}

std::optional<Time> optional_time_in(const json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return std::nullopt;
    return time_in(*found);
}

// A newer gateway may tell one that this version does not know.
RunStage stage_in(const std::string& word) {
    for (int stage = 0; stage <= static_cast<int>(RunStage::kFinished); ++stage)
        if (word == to_text(static_cast<RunStage>(stage))) return static_cast<RunStage>(stage);
    return RunStage::kUnknown;
}

RemoteRun run_in(const json& object) {
    RemoteRun run;
    run.sequence = object.value("sequence", std::uint64_t{0});
    run.job = JobId{object.at("job").get<std::uint32_t>()};
    run.submitted = time_in(object.at("submitted"));
    run.label = object.at("label");
    run.user = object.at("user");
    run.restarts = object.at("restarts").get<std::uint32_t>();
    run.stage = stage_in(object.at("stage"));
    run.remote_id = object.value("remote_id", std::uint32_t{0});
    run.remote_user = object.value("remote_user", std::string());
    run.asked = optional_time_in(object, "asked");
    run.started = optional_time_in(object, "started");
    run.ended = optional_time_in(object, "ended");
    run.gpus = std::max(0, object.value("gpus", 0));
    run.gpu_type = object.value("gpu_type", std::string());
    run.brought = Bytes{std::max(std::int64_t{0}, object.value("brought", std::int64_t{0}))};
    run.account = object.value("account", std::string());
    run.withdrawn = object.value("withdrawn", false);
    run.said = object.value("said", std::string()).substr(0, kLongestSaying);
    return run;
}

std::vector<RemoteRun> runs_in(const json& list) {
    std::vector<RemoteRun> runs;
    runs.reserve(list.size());
    for (const json& one : list) runs.push_back(run_in(one));
    return runs;
}

SiteRoom room_in(const json& object) {
    return {std::max(0, object.at("nodes").get<int>()), std::max(0, object.at("cpus").get<int>()),
            std::max<std::int64_t>(0, object.at("memory").get<std::int64_t>()),
            object.at("gpu_type").get<std::string>(), std::max(0, object.at("gpus").get<int>())};
}

SiteLook site_in(const json& object, Time told, Time heard) {
    SiteLook look;
    look.site = object.at("name");
    look.gateway_answers = true;
    look.heard = heard;
    look.reachable = object.at("reachable");
    look.problem = object.value("problem", std::string()).substr(0, kLongestSaying);
    if (const auto at = optional_time_in(object, "at"); at && *at > Time{})
        look.at = heard - std::max(Duration{}, told - *at);
    look.round_trip = std::chrono::microseconds(object.value("round_trip_us", std::int64_t{0}));
    look.api = object.value("api", std::string());
    for (const json& room : object.at("rooms")) look.rooms.push_back(room_in(room));
    look.bytes_per_second = object.value("bytes_per_second", std::int64_t{0});
    look.failures = object.value("failures", 0);
    look.typical_wait = Duration(object.value("typical_wait", std::int64_t{0}));
    look.runs = runs_in(object.at("runs"));
    look.finished = runs_in(object.at("finished"));
    std::ranges::sort(look.runs, {}, &RemoteRun::job);
    std::ranges::sort(look.finished, {}, &RemoteRun::sequence);
    return look;
}

}  // namespace

Result<std::vector<SiteLook>> read_sites(const std::string& document, Time heard) {
    try {
        const json object = json::parse(document);
        if (object.at("version").get<int>() != kVersion)
            return failure("the gateway speaks version " + object.at("version").dump() +
                           ", and this weirctld version " + std::to_string(kVersion));
        const Time told = time_in(object.at("at"));
        const auto ledger = object.value("ledger", std::string());
        const bool more = object.value("more", false);
        std::vector<SiteLook> looks;
        looks.reserve(object.at("sites").size());
        for (const json& site : object.at("sites")) {
            looks.push_back(site_in(site, told, heard));
            looks.back().ledger = ledger;
            looks.back().more = more;
        }
        std::ranges::sort(looks, {}, &SiteLook::site);
        return looks;
    } catch (const json::exception& error) {
        return failure(std::string("this is not a gateway's answer: ") + error.what());
    }
}

}  // namespace weir::observe
