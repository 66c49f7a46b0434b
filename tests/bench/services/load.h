// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "policies/model/units.h"

// The load of the replay: requests over days, and what is remembered of it.
namespace weir::bench {

using namespace std::chrono_literals;

// Seconds since the first midnight.
using Moment = double;

inline constexpr Moment kDay = 86400;
inline constexpr Moment kCycle = 10;
inline constexpr Moment kPending = 10;   // from a replica's submission until it runs
inline constexpr Moment kLoading = 180;  // until it is ready
inline constexpr Moment kWindow = 600;   // over which load is averaged, as rate(...[10m])
inline constexpr int kSlots = 8;         // requests that a replica serves at a time
inline constexpr double kBusy = 0.8;     // share of them above which one more is asked for
inline constexpr double kPlanned = 0.7;  // share that those who size ahead of the load reckon with
inline constexpr double kPeakRate = 26;  // requests a second
inline constexpr double kPatience = 1;   // seconds that a request may wait
inline constexpr double kCrowd = 4;      // requests that may wait
inline constexpr Time kFirstMidnight{1'800'057'600s};

// Throws what is broken.
inline void require(bool kept, const std::string& what) {
    if (!kept) throw std::logic_error(what);
}

// One that is asked of the service.
struct Request {
    Moment arrived = 0;
    double takes = 0;  // seconds, once it is served
};

// How requests come: gaps of mean 1, which the rate stretches, and how long each request takes.
struct Trace {
    std::vector<double> gaps;
    std::vector<double> takes;
    std::string origin;

    double mean() const {
        return takes.empty()
                   ? 4.0
                   : std::accumulate(takes.begin(), takes.end(), 0.0) / static_cast<double>(takes.size());
    }
};

// Divides each gap by the mean of those around it, so that bursts stay and the trace's own tide goes.
inline std::vector<double> levelled(const std::vector<double>& gaps) {
    constexpr std::size_t kAround = 100;
    std::vector<double> sums(gaps.size() + 1);
    std::partial_sum(gaps.begin(), gaps.end(), sums.begin() + 1);
    std::vector<double> level;
    for (std::size_t i = 0; i < gaps.size(); ++i) {
        const std::size_t begin = i - std::min(i, kAround), end = std::min(i + kAround + 1, gaps.size());
        level.push_back(gaps[i] * static_cast<double>(end - begin) / (sums[end] - sums[begin]));
    }
    return level;
}

// The conversations of Azure's trace, 20 ms a token; without the file a trace that has only an origin, for
// which both times are exponential.
inline Trace read_trace() {
    const char* data = std::getenv("WEIR_DATA");
    const std::string path = std::string(data != nullptr ? data : "../shared/data") +
                             "/azure-llm-2023/AzureLLMInferenceTrace_conv.csv.gz";
    Trace trace;
    trace.origin = "exponential, as " + path + " cannot be read";
    if (path.find('\'') != std::string::npos || !std::ifstream(path)) return trace;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(("zcat '" + path + "'").c_str(), "r"), pclose);
    std::array<char, 256> line{};
    std::vector<double> gaps;
    double last = -1;
    while (pipe && std::fgets(line.data(), static_cast<int>(line.size()), pipe.get()) != nullptr) {
        int hour = 0, minute = 0, tokens = 0;
        double second = 0;
        if (std::sscanf(line.data(), "%*d-%*d-%*d %d:%d:%lf,%*d,%d", &hour, &minute, &second, &tokens) != 4)
            continue;  // the heading
        const double at = 3600.0 * hour + 60.0 * minute + second;
        if (last >= 0) {
            gaps.push_back(at - last);
            trace.takes.push_back(0.02 * std::max(tokens, 1));
        }
        last = at;
    }
    if (gaps.size() < 1000) return Trace{{}, {}, trace.origin};
    trace.gaps = levelled(gaps);
    trace.origin = fmt::format("Azure LLM 2023 conversations ({} requests)", gaps.size());
    return trace;
}

// A day's load as shares of its peak, by hour; straight lines between.
struct Knot {
    double hour, share;
};
inline constexpr std::array kDayCurve{Knot{0, 0.2},    Knot{3, 0.13},  Knot{7, 0.17},  Knot{8, 0.22},
                                      Knot{8.33, 0.8}, Knot{11, 0.88}, Knot{15, 1.0},  Knot{17, 0.9},
                                      Knot{19, 0.6},   Knot{22, 0.42}, Knot{24.0, 0.2}};

inline double share_at(double hour) {
    const auto next = std::ranges::find_if(kDayCurve.begin() + 1, kDayCurve.end() - 1,
                                           [&](const Knot& knot) { return hour < knot.hour; });
    const Knot from = *(next - 1), to = *next;
    return std::lerp(from.share, to.share, (hour - from.hour) / (to.hour - from.hour));
}

// The requests of some days in the order of their arrival: the same for the same seed.
class Load {
  public:
    Load(int days, unsigned seed, const Trace& trace) : trace_(trace), random_(seed), end_(days * kDay) {
        std::uniform_real_distribution noise(0.95, 1.05);
        std::vector<double> hourly(static_cast<std::size_t>(days) * 24 + 1);
        for (double& factor : hourly) factor = noise(random_);
        for (Moment at = 0; at < end_; at += kCycle) {
            const double hour = at / 3600;
            const auto index = static_cast<std::size_t>(hour);
            const double factor =
                std::lerp(hourly[index], hourly[index + 1], hour - static_cast<double>(index));
            rates_.push_back(kPeakRate * share_at(std::fmod(hour, 24)) * factor);
        }
    }

    // Empty once the days are over.
    std::optional<Request> next() {
        double gap = exponential_(random_), takes = 0;
        if (trace_.gaps.empty()) {
            takes = exponential_(random_) * trace_.mean();
        } else {
            if (left_ == 0) {
                left_ = trace_.gaps.size();
                place_ = random_() % left_;  // each time round it begins elsewhere
            }
            --left_;
            place_ = (place_ + 1) % trace_.gaps.size();
            gap = trace_.gaps[place_];
            takes = trace_.takes[place_];
        }
        at_ += gap / rates_[static_cast<std::size_t>(at_ / kCycle)];
        return at_ < end_ ? std::optional(Request{at_, takes}) : std::nullopt;
    }

  private:
    const Trace& trace_;
    std::mt19937_64 random_;
    std::exponential_distribution<> exponential_;
    Moment end_;
    std::vector<double> rates_;  // requests a second, by cycle
    Moment at_ = 0;
    std::size_t left_ = 0, place_ = 0;
};

// What Prometheus remembers of the load.
class History {
  public:
    explicit History(Load load) {
        while (const auto request = load.next()) {
            const auto cycle = static_cast<std::size_t>(request->arrived / kCycle);
            before_.resize(std::max(before_.size(), cycle + 2));
            ++before_[cycle + 1];
        }
        std::partial_sum(before_.begin(), before_.end(), before_.begin());
    }

    double count(Moment from, Moment to) const { return arrived(to) - arrived(from); }

    // Requests a second in the window that ends then; empty where it began before anything was recorded.
    std::optional<double> rate(Moment at) const {
        return at < kWindow ? std::nullopt : std::optional(count(at - kWindow, at) / kWindow);
    }

    double peak(Moment from, Moment to) const {
        double most = 0;
        for (Moment at = from + kWindow; at <= to; at += kCycle) most = std::max(most, *rate(at));
        return most;
    }

    // As Weir expects it: the larger of a day and a week before.
    std::optional<double> expected(Moment at) const { return std::max(rate(at - kDay), rate(at - 7 * kDay)); }

  private:
    double arrived(Moment by) const {
        return before_[std::min(static_cast<std::size_t>(by / kCycle), before_.size() - 1)];
    }

    std::vector<double> before_;  // requests until a cycle
};

}  // namespace weir::bench
