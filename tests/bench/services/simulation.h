// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/services/services.h"
#include "tests/bench/services/load.h"

// Requests, replicas and what is seen of them; the decisions are the policy's own.
namespace weir::bench {

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

}  // namespace weir::bench
