// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/report.h"

#include <algorithm>

namespace weir::gateway {
namespace {

using nlohmann::json;

constexpr std::size_t kMostFinished = 1000;
constexpr std::chrono::minutes kFresh{2};

std::int64_t unix_time(Time time) {
    return time.time_since_epoch().count();
}

json rooms(const SiteState& state) {
    json list = json::array();
    for (const SiteRoom& room : state.rooms)
        list.push_back({{"nodes", room.nodes},
                        {"cpus", room.cpus},
                        {"memory", room.memory},
                        {"gpu_type", room.gpu_type},
                        {"gpus", room.gpus}});
    return list;
}

// A record says so itself only once the copy has ended, and what has come back at its next stage.
json live_run(const Record& record, const Live& live) {
    json run = to_json(record.run);
    run["brought"] = std::max(record.run.brought.value, live.egress);
    run["withdrawn"] = record.withdrawal != Withdrawal::kNone;
    return run;
}

// All that is wrong with it.
std::string problems(const SiteState& state) {
    std::string text = state.problem;
    const auto add = [&](const Complaint& more) {
        if (more.text.empty() || Clock::now() - more.at > kFresh || text.find(more.text) != std::string::npos)
            return;
        text += (text.empty() ? "" : "; ") + more.text;
    };
    for (const auto& [account, why] : state.accounts) add(why);
    add(state.files);
    return text;
}

// The middle one.
std::int64_t typical(const std::deque<Duration>& waits) {
    if (waits.empty()) return 0;
    std::vector<Duration> sorted(waits.begin(), waits.end());
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2].count();
}

// Those that ended, by site.
struct Ended {
    std::map<std::string, json> runs;
    bool more = false;
};

// Runs of a site that is served no more must not stand in the way of the others: nobody settles them.
Ended told_ended(const Records& records, const std::vector<std::string>& sites, std::uint64_t after) {
    Ended ended;
    for (std::size_t told = 0; !ended.more;) {
        const auto next = records.finished(after, kMostFinished);
        if (next.empty()) break;
        for (const auto& [site, run] : next) {
            if (ended.more) break;
            after = run.sequence;
            if (std::ranges::find(sites, site) == sites.end()) continue;
            ended.runs[site].push_back(to_json(run));
            ended.more = ++told == kMostFinished;
        }
    }
    return ended;
}

}  // namespace

std::string report(Board& board, const std::string& host, const std::vector<std::string>& sites,
                   std::uint64_t after) {
    const std::scoped_lock hold(board.lock());
    std::map<std::string, json> runs;
    for (const auto& [job, record] : board.records().all())
        if (!record.ended()) runs[record.site].push_back(live_run(record, board.live(job)));
    Ended ended = told_ended(board.records(), sites, after);
    json list = json::array();
    for (const std::string& name : sites) {
        const SiteState& state = board.site(name);
        list.push_back({{"name", name},
                        {"reachable", state.reachable},
                        {"problem", problems(state)},
                        {"at", unix_time(state.at)},
                        {"round_trip_us", state.round_trip.count()},
                        {"api", state.api},
                        {"rooms", rooms(state)},
                        {"bytes_per_second", state.bytes_per_second},
                        {"failures", state.failures.size()},
                        {"typical_wait", typical(state.waits)},
                        {"runs", runs.contains(name) ? runs[name] : json::array()},
                        {"finished", ended.runs.contains(name) ? ended.runs[name] : json::array()}});
    }
    const json all{{"version", 1},       {"at", unix_time(now_in_seconds())},
                   {"host", host},       {"ledger", board.records().id()},
                   {"more", ended.more}, {"sites", std::move(list)}};
    return all.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace weir::gateway
