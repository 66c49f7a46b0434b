// SPDX-License-Identifier: GPL-2.0-or-later
// What following the load brings, and what prediction adds: days of requests to a service whose replicas the
// policy starts and ends. Requests, replicas and what is seen of them are simulated; the decisions are not.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "policies/services/services.h"

namespace {

using namespace weir;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Seconds since the first midnight.
using Moment = double;

constexpr Moment kDay = 86400;
constexpr Moment kCycle = 10;
constexpr Moment kPending = 10;   // from a replica's submission until it runs
constexpr Moment kLoading = 180;  // until it is ready
constexpr Moment kWindow = 600;   // over which load is averaged, as rate(...[10m])
constexpr int kSlots = 8;         // requests that a replica serves at a time
constexpr double kBusy = 0.8;     // share of them above which one more is asked for
constexpr double kPlanned = 0.7;  // share that those who size ahead of the load reckon with
constexpr double kPeakRate = 26;  // requests a second
constexpr double kPatience = 1;   // seconds that a request may wait
constexpr double kCrowd = 4;      // requests that may wait
constexpr Time kFirstMidnight{1'800'057'600s};

// Throws what is broken.
void require(bool kept, const std::string& what) {
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
std::vector<double> levelled(const std::vector<double>& gaps) {
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
Trace read_trace() {
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
constexpr std::array kDayCurve{Knot{0, 0.2},    Knot{3, 0.13},  Knot{7, 0.17},  Knot{8, 0.22},
                               Knot{8.33, 0.8}, Knot{11, 0.88}, Knot{15, 1.0},  Knot{17, 0.9},
                               Knot{19, 0.6},   Knot{22, 0.42}, Knot{24.0, 0.2}};

double share_at(double hour) {
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

// What one arm did with the requests of the last day.
struct Outcome {
    std::string arm;
    std::vector<double> latencies;  // seconds from arrival to answer, ascending
    int lost = 0;                   // of all days: not answered
    int short_seconds = 0;          // in which a request waited longer, or more waited, than may
    double longest_wait = 0;        // seconds
    double gpu_seconds = 0;
    int fewest = 1 << 20, most = 0;  // replicas that took requests
    int started = 0, ended = 0;

    double latency(int percent) const {
        return latencies[(latencies.size() - 1) * static_cast<std::size_t>(percent) / 100];
    }
};

// One service and all around it.
class Simulation {
  public:
    // `history` where the load is predicted, else nullptr. The last day of `days` is measured.
    Simulation(policies::ServiceRule rule, Load load, int days, const History* history)
        : rule_(std::move(rule)),
          load_(std::move(load)),
          from_((days - 1) * kDay),
          to_(days * kDay),
          history_(history),
          short_(static_cast<std::size_t>(kDay)) {
        Node node;
        node.name = "n";
        snapshot_.nodes.push_back(std::move(node));
        look_.service = rule_.name;
        look_.signals.resize(rule_.signals.size());
        outcome_.arm = rule_.name;
    }

    Outcome run() {
        for (auto request = load_.next(); request || answers_left(); now_ += kCycle) {
            require(now_ < to_ + kDay, "requests are not answered a day after the last one");
            cycle();
            while (request && request->arrived < now_ + kCycle) {
                answer_until(request->arrived);
                arrive(*request);
                request = load_.next();
            }
            answer_until(now_ + kCycle);
        }
        for (const Server& server : servers_) count_gpus(server, now_);
        outcome_.lost = arrived_ - answered_;
        outcome_.short_seconds = static_cast<int>(std::ranges::count(short_, true));
        std::ranges::sort(outcome_.latencies);
        return std::move(outcome_);
    }

  private:
    // A replica as it is, whatever the policy believes.
    struct Server {
        JobId job;
        int number = 0;
        Moment submitted = 0;
        int busy = 0;
        bool listed = false;  // on the endpoints
        Moment let_go = 0;    // the balancer sends nothing more from then on
        bool told = false;    // to leave

        bool takes(Moment at) const { return busy < kSlots && (listed || at < let_go); }
    };

    // When a request will have been answered, and by whom.
    struct Answer {
        Moment at = 0;
        JobId job;
        Moment arrived = 0;

        bool operator>(const Answer& other) const { return at > other.at; }
    };

    bool measured() const { return now_ >= from_ && now_ < to_; }
    bool answers_left() const { return !queue_.empty() || !answers_.empty(); }
    static Time wall(Moment at) { return kFirstMidnight + Duration(std::llround(at)); }

    void cycle() {
        look();
        Plan plan;
        plan.ledger = snapshot_.ledger;
        policies::services(snapshot_, {rule_}, {}, plan);
        follow(plan.services.front());
        for (const Step& step : plan.steps) {
            take(step.action);
            record(plan.ledger, step, snapshot_.at);
        }
        snapshot_.ledger = std::move(plan.ledger);
        serve_queue(now_);
        check();
    }

    // What Weir sees now.
    void look() {
        snapshot_.at = wall(now_);
        snapshot_.jobs.clear();
        look_.probes.clear();
        for (const Server& server : servers_) {
            Job job;
            job.id = server.job;
            job.submitted = wall(server.submitted);
            job.gpus = Gpus{1};
            job.replica = Replica{rule_.name, server.number, "", rule_.drain.settle};
            if (now_ >= server.submitted + kPending) {
                job.state = JobState::kRunning;
                job.started = wall(server.submitted + kPending);
                job.nodes = {0};
                job.replica->host = "n";
                look_.probes.push_back({job.id, now_ >= server.submitted + kLoading});
            }
            snapshot_.jobs.push_back(std::move(job));
        }
        sample();
        if (history_ != nullptr) {
            const double ahead = static_cast<double>(rule_.predict->ahead.count());
            look_.predicted = history_->expected(now_ + ahead);
            look_.prediction_problem = look_.predicted ? "" : "no data";
        }
        snapshot_.services = {look_};
    }

    // The signals of make_rule(); a service without endpoints has none.
    void sample() {
        int listed = 0, busy = 0;
        for (const Server& server : servers_) {
            if (!server.listed) continue;
            ++listed;
            busy += server.busy;
        }
        const std::array values{static_cast<double>(queue_.size()),
                                static_cast<double>(busy) / (kSlots * std::max(listed, 1))};
        for (std::size_t i = 0; i < values.size(); ++i) {
            SignalLook& signal = look_.signals[i];
            signal.problem = listed > 0 ? "" : "no data";
            if (listed == 0) continue;
            signal.before = signal.latest;
            signal.latest = Sample{snapshot_.at, values[i]};
        }
    }

    // The balancer takes up the endpoints; one that has left them gets requests until it has settled.
    void follow(const ServiceReport& report) {
        int listed = 0;
        for (const ReplicaReport& replica : report.replicas) {
            Server& server = server_of(replica.job);
            const bool lists = replica.stage == ReplicaStage::kReady;
            if (server.listed && !lists)
                server.let_go = now_ + static_cast<double>(rule_.drain.settle.count());
            server.listed = lists;
            listed += lists ? 1 : 0;
            require(!lists || now_ >= server.submitted + kLoading,
                    "a replica that loads is on the endpoints");
        }
        if (!measured()) return;
        outcome_.fewest = std::min(outcome_.fewest, listed);
        outcome_.most = std::max(outcome_.most, listed);
    }

    void take(const Action& action) {
        if (const auto* submit = std::get_if<SubmitReplica>(&action)) {
            require(std::ranges::find(servers_, submit->number, &Server::number) == servers_.end(),
                    submit->label + " is submitted while it is there");
            servers_.push_back({JobId{++jobs_}, submit->number, now_, 0, false, 0, false});
            outcome_.started += measured() ? 1 : 0;
        } else if (const auto* drain = std::get_if<DrainReplica>(&action)) {
            Server& server = server_of(drain->job);
            require(!server.listed && now_ >= server.let_go,
                    drain->label + " is told to leave while it gets requests");
            server.told = true;
            if (server.busy == 0) end(server, now_);
        } else if (const auto* ends = std::get_if<EndReplica>(&action)) {
            end(server_of(ends->job), now_);  // and with it, unanswered, what it serves
        } else {
            throw std::logic_error("a step that is not of services: " + to_text(action));
        }
    }

    Server& server_of(JobId job) {
        const auto found = std::ranges::find(servers_, job, &Server::job);
        require(found != servers_.end(), "a step concerns a replica that is not there");
        return *found;
    }

    void count_gpus(const Server& server, Moment at) {
        const Moment begin = std::max(server.submitted + kPending, from_);
        outcome_.gpu_seconds += std::max(0.0, std::min(at, to_) - begin);
    }

    void end(Server& server, Moment at) {
        count_gpus(server, at);
        outcome_.ended += measured() ? 1 : 0;
        servers_.erase(servers_.begin() + (&server - servers_.data()));
    }

    void arrive(const Request& request) {
        ++arrived_;
        queue_.push_back(request);
        serve_queue(request.arrived);
        if (static_cast<double>(queue_.size()) > kCrowd) mark(request.arrived, request.arrived);
    }

    // The first that waits goes to the replica that has least to do, as long as one has room.
    void serve_queue(Moment at) {
        while (!queue_.empty()) {
            Server* least = nullptr;
            for (Server& server : servers_)
                if (server.takes(at) && (least == nullptr || server.busy < least->busy)) least = &server;
            if (least == nullptr) return;
            const Request request = queue_.front();
            if (request.arrived >= from_)
                outcome_.longest_wait = std::max(outcome_.longest_wait, at - request.arrived);
            if (static_cast<double>(queue_.size()) > kCrowd) mark(at, at);
            if (at - request.arrived > kPatience) {
                mark(std::max(request.arrived + kPatience, marked_), at);
                marked_ = at;
            }
            queue_.pop_front();
            ++least->busy;
            answers_.push({at + request.takes, least->job, request.arrived});
        }
    }

    // Marks seconds as short.
    void mark(Moment from, Moment until) {
        for (Moment at = std::max(std::floor(from), from_); at <= until && at < to_; ++at)
            short_[static_cast<std::size_t>(at - from_)] = true;
    }

    void answer_until(Moment until) {
        while (!answers_.empty() && answers_.top().at <= until) {
            const Answer answer = answers_.top();
            answers_.pop();
            const auto server = std::ranges::find(servers_, answer.job, &Server::job);
            if (server == servers_.end()) continue;  // it was ended meanwhile
            ++answered_;
            if (answer.arrived >= from_) outcome_.latencies.push_back(answer.at - answer.arrived);
            if (--server->busy == 0 && server->told) end(*server, answer.at);
            serve_queue(answer.at);
        }
    }

    void check() const {
        int staying = 0;
        for (const Server& server : servers_) {
            staying += server.listed || now_ < server.submitted + kLoading ? 1 : 0;
            require(queue_.empty() || !server.takes(now_), "a request waits while a replica has room");
            require(server.busy >= 0 && server.busy <= kSlots, "a replica serves more than it can");
        }
        require(staying <= rule_.max, "more replicas than replicas.max");
        require(now_ < from_ || staying >= rule_.min, "fewer replicas than replicas.min");
    }

    const policies::ServiceRule rule_;
    Load load_;
    const Moment from_, to_;  // what is measured
    const History* history_;
    Moment now_ = 0;  // the cycle's
    Snapshot snapshot_;
    ServiceLook look_;
    std::vector<Server> servers_;  // by job
    std::deque<Request> queue_;
    std::priority_queue<Answer, std::vector<Answer>, std::greater<>> answers_;
    std::uint32_t jobs_ = 0;
    int arrived_ = 0, answered_ = 0;
    std::vector<bool> short_;  // by second of what is measured
    Moment marked_ = 0;        // impatience is marked until then
    Outcome outcome_;
};

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
