// SPDX-License-Identifier: GPL-2.0-or-later
// What following the load brings, and what prediction adds: days of requests to a service whose replicas the
// policy starts and ends. Requests, replicas and what is seen of them are simulated; the decisions are not.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/bench/services/simulation.h"

namespace {

using namespace weir;
using namespace weir::bench;
using Clock = std::chrono::steady_clock;

// The service of an arm, named after it. Static ones have their replicas as min and max.
policies::ServiceRule make_rule(const std::string& arm, int min, int max) {
    policies::ServiceRule rule;
    rule.name = arm;
    rule.min = min;
    rule.max = max;
    rule.gpus = 1;
    rule.ready_path = "/health";
    rule.signals = {{"waiting", "q", "", "", kCrowd, 0.25}, {"busy", "q", "", "", kBusy, 10}};
    return rule;
}

constexpr const char* kRow = "{:<12}{:>9}{:>6}{:>9}{:>9}{:>9}{:>10}{:>9}{:>13}{:>9}{:>5}{:>5}\n";

void print(const Outcome& outcome) {
    const auto seconds = [](double value) { return fmt::format("{:.2f}", value); };
    fmt::print(kRow, outcome.arm, outcome.latencies.size(), outcome.lost, seconds(outcome.latency(50)),
               seconds(outcome.latency(95)), seconds(outcome.latency(99)), seconds(outcome.longest_wait),
               outcome.short_seconds, fmt::format("{:.0f}", outcome.gpu_seconds),
               fmt::format("{}-{}", outcome.fewest, outcome.most), outcome.started, outcome.ended);
}

// "-" where there is nothing to divide by.
std::string ratio(double one, double other) {
    return other > 0 ? fmt::format("{:.2f}", one / other) : "-";
}

void compare(const Outcome& one, const Outcome& other) {
    fmt::print("{} / {}: p95 {}, short seconds {}, GPU-seconds {}\n", one.arm, other.arm,
               ratio(one.latency(95), other.latency(95)), ratio(one.short_seconds, other.short_seconds),
               ratio(one.gpu_seconds, other.gpu_seconds));
}

nlohmann::json json_of(const Outcome& outcome) {
    return {{"arm", outcome.arm},
            {"requests", outcome.latencies.size()},
            {"lost", outcome.lost},
            {"p50_s", outcome.latency(50)},
            {"p95_s", outcome.latency(95)},
            {"p99_s", outcome.latency(99)},
            {"longest_wait_s", outcome.longest_wait},
            {"short_seconds", outcome.short_seconds},
            {"gpu_seconds", outcome.gpu_seconds},
            {"replicas_min", outcome.fewest},
            {"replicas_max", outcome.most},
            {"up", outcome.started},
            {"down", outcome.ended}};
}

int run(int days, unsigned seed, const std::string& file) {
    const auto begin = Clock::now();
    const Trace trace = read_trace();
    const Load load(days, seed, trace);
    const History history(load);
    const Moment from = (days - 1) * kDay, to = days * kDay;
    const double requests = history.count(from, to), mean = requests / kDay, peak = history.peak(from, to);
    // Static arms know the day that they are measured on: what they are given is the best of their kind.
    const double per_replica = kPlanned * kSlots / trace.mean();
    const int low = static_cast<int>(std::ceil(mean / per_replica));
    const int high = static_cast<int>(std::ceil(peak / per_replica));
    fmt::print("arrivals and service times: {}; mean service time {:.2f} s\n", trace.origin, trace.mean());
    fmt::print("day {} of {}, seed {}: {:.0f} requests, {:.1f} a second, {:.1f} at the peak of 10 minutes\n",
               days, days, seed, requests, mean, peak);

    auto predicted = make_rule("predicted", 2, high);
    predicted.predict = policies::Prediction{"q", per_replica, 15min};
    std::vector<Outcome> outcomes;
    fmt::print(kRow, "arm", "requests", "lost", "p50 s", "p95 s", "p99 s", "wait max", "short s",
               "GPU-seconds", "replicas", "up", "down");
    for (const auto& rule : {make_rule("static-low", low, low), make_rule("static-peak", high, high),
                             make_rule("reactive", 2, high), predicted}) {
        try {
            outcomes.push_back(Simulation(rule, load, days, rule.predict ? &history : nullptr).run());
        } catch (const std::exception& error) {
            throw std::runtime_error(rule.name + ": " + error.what());
        }
        print(outcomes.back());
    }
    fmt::print("in {:.1f} s\n", std::chrono::duration<double>(Clock::now() - begin).count());
    compare(outcomes[3], outcomes[2]);
    compare(outcomes[2], outcomes[1]);
    if (!file.empty()) {
        nlohmann::json document{{"days", days}, {"seed", seed}, {"load", trace.origin}};
        for (const Outcome& outcome : outcomes) document["arms"].push_back(json_of(outcome));
        if (!(std::ofstream(file) << document.dump(2) << "\n"))
            throw std::runtime_error("cannot write " + file);
    }
    for (const Outcome& outcome : outcomes) {
        require(outcome.lost == 0, outcome.arm + " has lost requests");
        require(static_cast<double>(outcome.latencies.size()) == requests,
                outcome.arm + " has not answered each request once");
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    int days = 9;
    unsigned seed = 42;
    std::string file;
    CLI::App app{"bench_services: a day of load on fixed, following and predicted replicas"};
    app.add_option("--days", days, "of load, the last of which is measured")->check(CLI::Range(2, 100));
    app.add_option("--seed", seed, "of the load");
    app.add_option("--json", file, "where the figures go, too");
    CLI11_PARSE(app, argc, argv);
    try {
        return run(days, seed, file);
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench_services: {}\n", error.what());
        return 1;
    }
}
