// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/telemetry/telemetry.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "plugin/net/http.h"
#include "plugin/observe/telemetry/exposition.h"
#include "plugin/observe/telemetry/prometheus.h"

namespace weir::observe {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kAgentsAtOnce = 128;
constexpr std::size_t kMostOfAgent = std::size_t{4} << 20;
constexpr std::size_t kMostOfPrometheus = std::size_t{512} << 20;
constexpr std::chrono::milliseconds kAgentPatience{3'000};
constexpr std::chrono::milliseconds kPrometheusPatience{20'000};

Time now() {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

std::string unix_text(Time time) {
    return std::to_string(time.time_since_epoch().count());
}

}  // namespace

Telemetry::Telemetry() : thread_([this] { run(); }) {}

Telemetry::~Telemetry() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Telemetry::use(const TelemetrySource& source) {
    {
        const std::lock_guard lock(mutex_);
        if (source == source_) return;
        const bool same_place = source.prometheus == source_.prometheus && source.match == source_.match &&
                                source.agents == source_.agents;
        source_ = source;
        if (!same_place) history_ = {};
        history_.set_up(source.longest, source.period);
        state_ = {};
        fresh_ = true;
    }
    changed_.notify_all();
}

void Telemetry::use(std::vector<AgentHost> hosts) {
    const std::lock_guard lock(mutex_);
    hosts_ = std::move(hosts);
}

void Telemetry::look(Snapshot& snapshot) {
    const std::lock_guard lock(mutex_);
    snapshot.sample_period = source_.period;
    history_.look(snapshot);
}

TelemetryState Telemetry::state() const {
    const std::lock_guard lock(mutex_);
    TelemetryState state = state_;
    state.gpus = history_.gpus();
    state.newest = history_.newest();
    return state;
}

bool Telemetry::stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
}

void Telemetry::run() {
    Clock::time_point next = Clock::now();
    while (true) {
        TelemetrySource source;
        {
            std::unique_lock lock(mutex_);
            changed_.wait_until(lock, next, [&] { return stopped_ || fresh_; });
            if (stopped_) return;
            source = source_;
            fresh_ = false;
        }
        const bool known = !source.prometheus.empty() || source.agents != 0;
        next = Clock::now() + (known ? source.period : Duration(3600));
        if (known) round(source);
    }
}

void Telemetry::round(const TelemetrySource& source) {
    const auto start = Clock::now();
    Readings readings;
    const auto asked =
        source.prometheus.empty() ? ask_agents(source, readings) : ask_prometheus(source, readings);
    const std::vector<GpuReading> told = readings.take();
    const std::lock_guard lock(mutex_);
    if (fresh_) return;  // of a source that is no longer the one
    for (const GpuReading& reading : told) history_.record(reading);
    const std::string problem = asked ? "" : asked.error().message;
    if (problem != state_.problem) {
        if (problem.empty())
            spdlog::info("GPU telemetry answers");
        else
            spdlog::warn("GPU telemetry: {}", problem);
    }
    state_.at = now();
    state_.problem = problem;
    state_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
}

// The first round fetches what Prometheus has of the longest window, so that a restart forgets nothing.
Result<void> Telemetry::ask_prometheus(const TelemetrySource& source, Readings& into) const {
    const net::Bounds bounds{kPrometheusPatience, kMostOfPrometheus};
    const std::string api = source.prometheus + "/api/v1/query";
    const std::string query = "?query=" + net::encoded(gpu_expression(source.match));
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = !history_.newest().has_value();
    }
    if (first) {
        const Time end = now();
        const auto answer =
            net::get(api + "_range" + query + "&start=" + unix_text(end - source.longest) +
                         "&end=" + unix_text(end) + "&step=" + std::to_string(source.period.count()),
                     bounds);
        if (answer) return read_prometheus(*answer, into);
    }
    const auto answer = net::get(api + query, bounds);
    if (!answer) return tl::make_unexpected(answer.error());
    return read_prometheus(*answer, into);
}

Result<void> Telemetry::ask_agents(const TelemetrySource& source, Readings& into) const {
    std::vector<AgentHost> hosts;
    {
        const std::lock_guard lock(mutex_);
        hosts = hosts_;
    }
    std::vector<std::string> urls;
    urls.reserve(hosts.size());
    for (const AgentHost& host : hosts) {
        const bool v6 = host.address.find(':') != std::string::npos;
        urls.push_back("http://" + (v6 ? "[" + host.address + "]" : host.address) + ":" +
                       std::to_string(source.agents) + "/metrics");
    }
    std::size_t silent = 0;
    std::string example;
    net::get_all(
        urls, {std::min<std::chrono::milliseconds>(kAgentPatience, source.period), kMostOfAgent},
        kAgentsAtOnce,
        [&](std::size_t index, const Result<std::string>& answer) {
            auto read = answer ? read_exposition(*answer, now(), into) : tl::make_unexpected(answer.error());
            if (read) return;
            if (silent++ == 0) example = hosts[index].node + ": " + read.error().message;
        },
        [&] { return stopped(); });
    if (silent == 0) return {};
    return failure(std::to_string(silent) + " of " + std::to_string(hosts.size()) +
                   " agents do not answer, as " + example);
}

}  // namespace weir::observe
