// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/services/services.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "policies/services/signals.h"

namespace weir::policies {
namespace {

std::string counted(int count) {
    return std::to_string(count) + (count == 1 ? " replica" : " replicas");
}

// One service in one cycle.
class Work {
  public:
    Work(const Snapshot& snapshot, const ServiceRule& rule, std::vector<const Job*> jobs,
         const std::set<std::string>& gentle, Plan& plan)
        : snapshot_(snapshot),
          rule_(rule),
          jobs_(std::move(jobs)),
          gentle_(gentle),
          plan_(plan),
          state_(service_state(plan.ledger, rule.name)) {
        const auto look = std::ranges::find(snapshot.services, rule.name, &ServiceLook::service);
        if (look != snapshot.services.end()) look_ = &*look;
    }

    void run() {
        report_.service = rule_.name;
        follow_jobs();
        const Heard heard = listen(rule_, look_, at_, gpus_of_replica(), settled());
        report_.signals = heard.signals;
        predict();
        if (!rule_.frozen) {
            give_up_slow_ones();
            decide(heard);
            fill();
            thin();
            drain();
        }
        tell();
    }

  private:
    const Job* job_of(const KnownReplica& replica) const {
        const auto found = std::ranges::find(jobs_, replica.job, &Job::id);
        return found == jobs_.end() ? nullptr : *found;
    }

    bool runs(const KnownReplica& replica) const {
        const Job* job = job_of(replica);
        return job != nullptr && job->state == JobState::kRunning;
    }

    bool lives(const KnownReplica& replica) const {
        const Job* job = job_of(replica);
        return job != nullptr && job->state != JobState::kCompleting;
    }

    // Lives and shall go on.
    bool counts(const KnownReplica& replica) const { return lives(replica) && !replica.drain; }

    int present() const {
        return static_cast<int>(std::ranges::count_if(
                   state_.replicas, [&](const KnownReplica& replica) { return counts(replica); })) +
               static_cast<int>(state_.attempts.size());
    }

    int ready() const {
        return static_cast<int>(std::ranges::count_if(
            state_.replicas, [&](const KnownReplica& replica) { return counts(replica) && replica.ready; }));
    }

    // The loan that a replica stands on; nullptr if its node is the borrower's own.
    const Loan* loan_of(const Job& job) const {
        for (const Loan& loan : plan_.ledger.loans) {
            const auto node = snapshot_.node(loan.node);
            if (node && std::ranges::binary_search(job.nodes, *node)) return &loan;
        }
        return nullptr;
    }

    // Its node goes home, and it is told to leave by lending.
    bool leaves(const Job& job) const {
        const Loan* loan = loan_of(job);
        return loan != nullptr && loan->vacating && loan->vacating->stops_jobs &&
               !gentle_.contains(loan->rule);
    }

    int gpus_of_replica() const {
        if (rule_.gpus) return *rule_.gpus;
        for (const Job* job : jobs_) {
            const auto asked = std::max(job->request.gpus_total,
                                        job->request.gpus_per_node * std::max(1, job->request.nodes_min));
            const auto gpus = job->state == JobState::kPending ? asked : static_cast<int>(job->gpus.value);
            if (gpus > 0) return gpus;
        }
        return 1;
    }

    // Since when the number of ready replicas is what it is.
    Time settled() const {
        Time last{};
        for (const KnownReplica& replica : state_.replicas)
            if (replica.ready) last = std::max(last, *replica.ready);
        return last;
    }

    void fail(std::string how) {
        ++state_.failures;
        state_.failed = at_;
        state_.failure = std::move(how);
    }

    // What is remembered of replicas is brought up to what Slurm and the probes say.
    void follow_jobs() {
        for (const Job* job : jobs_) {
            auto place = std::ranges::lower_bound(state_.replicas, job->id, {}, &KnownReplica::job);
            if (place == state_.replicas.end() || place->job != job->id) {
                KnownReplica fresh;
                fresh.job = job->id;
                fresh.number = job->replica->number;
                fresh.seen = at_;
                place = state_.replicas.insert(place, std::move(fresh));
            }
            follow(*job, *place);
            std::erase_if(state_.attempts, [&](const Attempt& one) { return one.number == place->number; });
        }
        for (const KnownReplica& replica : state_.replicas)
            if (job_of(replica) == nullptr) note_end(replica);
        std::erase_if(state_.replicas, [&](const KnownReplica& one) { return job_of(one) == nullptr; });
        std::erase_if(state_.attempts, [&](const Attempt& one) {
            if (const EndedReplica* ended = ended_since(one)) {
                fail(rule_.label(one.number) + " (job " + std::to_string(ended->job.value) + ") ended " +
                     ended->how + " before it was ready");
                return true;
            }
            if (at_ - one.at <= kSubmissionDoubt) return false;
            fail(rule_.label(one.number) + " was submitted and never seen");
            return true;
        });
        const bool works = std::ranges::any_of(state_.replicas, [&](const KnownReplica& replica) {
            return replica.ready && at_ - *replica.ready >= kProven && state_.failed &&
                   replica.seen >= *state_.failed;
        });
        if (works) {
            state_.failures = 0;
            state_.failed.reset();
            state_.failure.clear();
        }
    }

    // A job that began and ended between two looks.
    const EndedReplica* ended_since(const Attempt& attempt) const {
        const auto found = std::ranges::find_if(snapshot_.ended, [&](const EndedReplica& ended) {
            return ended.service == rule_.name && ended.number == attempt.number &&
                   ended.submitted >= attempt.at;
        });
        return found == snapshot_.ended.end() ? nullptr : &*found;
    }

    void follow(const Job& job, KnownReplica& replica) const {
        if (job.state == JobState::kCompleting) return;
        const auto started = job.state == JobState::kRunning ? job.started : std::nullopt;
        if (started != replica.started) {
            replica.started = started;
            replica.unready = started;
            if (!replica.drain) replica.ready.reset();
        }
        // One that is on its way out says that it is not ready: no news.
        if (!started || replica.drain || leaves(job)) return;
        if (rule_.ready_path.empty()) {
            if (!replica.ready) replica.ready = at_;
            replica.unready.reset();
            return;
        }
        if (look_ == nullptr) return;
        const auto probe = std::ranges::lower_bound(look_->probes, job.id, {}, &Probe::job);
        if (probe == look_->probes.end() || probe->job != job.id) return;
        if (probe->ready && !replica.ready) {
            replica.ready = at_;
            replica.unready.reset();
        } else if (!probe->ready && replica.ready) {
            replica.ready.reset();
            replica.unready = at_;
        }
    }

    void note_end(const KnownReplica& replica) {
        if (replica.drain || (replica.ready && at_ - *replica.ready >= kProven)) return;
        const auto ended = std::ranges::find(snapshot_.ended, replica.job, &EndedReplica::job);
        fail(rule_.label(replica.number) + " (job " + std::to_string(replica.job.value) + ") " +
             (ended == snapshot_.ended.end() ? "is gone" : "ended " + ended->how) +
             (replica.ready ? " just after" : " before") + " it was ready");
    }

    void give_up_slow_ones() {
        if (rule_.ready_path.empty()) return;
        for (KnownReplica& replica : state_.replicas) {
            if (!counts(replica) || !replica.unready || leaves(*job_of(replica))) continue;
            if (at_ - *replica.unready < rule_.ready_within) continue;
            replica.drain = Drain{at_, "it was not ready within " + to_text(rule_.ready_within), {}};
            fail(rule_.label(replica.number) + " (job " + std::to_string(replica.job.value) +
                 ") was not ready within " + to_text(rule_.ready_within));
        }
    }

    void predict() {
        if (!rule_.predict) return;
        if (look_ == nullptr || !look_->predicted) {
            report_.prediction_problem = look_ == nullptr ? "not asked yet" : look_->prediction_problem;
            return;
        }
        const double replicas = std::ceil(*look_->predicted / rule_.predict->per_replica);
        report_.predicted = static_cast<int>(std::clamp<double>(replicas, 0, rule_.max));
    }

    void want(int count, std::string why) {
        if (state_.wanted == count) return;
        state_.wanted = count;
        state_.changed = at_;
        state_.why = std::move(why);
    }

    void decide(const Heard& heard) {
        if (state_.pin && state_.pin->until && *state_.pin->until <= at_) state_.pin.reset();
        if (!state_.wanted)
            want(std::clamp(present(), rule_.min, rule_.max),
                 present() > rule_.min ? "so many were there" : "the service begins");
        if (state_.pin) {
            state_.quiet.reset();
            return want(state_.pin->count, "pinned by " + state_.pin->by);
        }
        const int floor = std::max(rule_.min, report_.predicted.value_or(0));
        const int now = *state_.wanted;
        if (now > rule_.max)
            want(rule_.max, "replicas.max is " + std::to_string(rule_.max));
        else if (now < floor)
            want(floor, floor > rule_.min ? "so many are expected to be needed " +
                                                to_text(rule_.predict->ahead) + " from now"
                                          : "replicas.min is " + std::to_string(floor));
        rise(heard);
        fall(heard, floor);
        if (!heard.unheard.empty()) report_.held = heard.unheard + "; the count is not lowered meanwhile";
    }

    void rise(const Heard& heard) {
        const int now = *state_.wanted;
        const int add = std::min(heard.asks - std::max(0, now - ready()), rule_.most_up);
        if (add <= 0) return;
        const std::string asks = heard.loudest + ": asks for " + counted(heard.asks) + " more";
        if (now >= rule_.max) {
            report_.held = asks + ", and replicas.max is " + std::to_string(rule_.max);
            return;
        }
        want(std::min(now + add, rule_.max), "raised from " + std::to_string(now) + ": " + asks);
    }

    void fall(const Heard& heard, int floor) {
        if (!heard.quiet) return state_.quiet.reset();
        if (!state_.quiet) state_.quiet = at_;
        const int now = *state_.wanted;
        if (at_ - *state_.quiet < rule_.down_after || now <= floor) return;
        state_.quiet = at_;
        want(std::max(floor, now - rule_.most_down), "lowered from " + std::to_string(now) +
                                                         ": every signal was below " + number_text(kLow) +
                                                         " of its target for " + to_text(rule_.down_after));
    }

    // The smallest that is free, of twice as many as there may be replicas: some drain while others start.
    std::optional<int> free_number() const {
        std::set<int> used;
        for (const KnownReplica& replica : state_.replicas) used.insert(replica.number);
        for (const Attempt& one : state_.attempts) used.insert(one.number);
        int number = 1;
        while (used.contains(number)) ++number;
        return number <= kNumbers * rule_.max ? std::optional(number) : std::nullopt;
    }

    // Keeps replicas that were about to go, and submits those that are missing.
    void fill() {
        for (KnownReplica& replica : state_.replicas) {
            if (present() >= *state_.wanted) return;
            if (replica.drain && replica.ready && !replica.drain->noticed && runs(replica))
                replica.drain.reset();
        }
        int missing = std::min(*state_.wanted - present(), rule_.most_up);
        if (missing > 0 && state_.failures > 0) {
            const Duration wait = retry_wait();
            if (at_ < *state_.failed + wait) {
                report_.held =
                    state_.failure + "; the next try is in " + to_text(*state_.failed + wait - at_);
                return;
            }
            missing = state_.attempts.empty() ? 1 : 0;
        }
        for (; missing > 0; --missing) {
            const auto number = free_number();
            if (!number) return;
            const auto place = std::ranges::lower_bound(state_.attempts, *number, {}, &Attempt::number);
            state_.attempts.insert(place, {*number, at_});
            plan_.steps.push_back({SubmitReplica{rule_.label(*number), rule_.name, *number},
                                   counted(*state_.wanted) + " wanted: " + state_.why,
                                   {}});
        }
    }

    Duration retry_wait() const {
        Duration wait = rule_.retry.first;
        for (int i = 1; i < state_.failures && wait < rule_.retry.max; ++i) wait *= 2;
        return std::min(wait, rule_.retry.max);
    }

    // Those that wait go first, then those that start, then those on lent nodes, and the youngest of each.
    void thin() {
        const int surplus = std::min(present() - *state_.wanted, rule_.most_down);
        if (surplus <= 0) return;
        std::vector<KnownReplica*> order;
        for (KnownReplica& replica : state_.replicas)
            if (counts(replica)) order.push_back(&replica);
        const auto rank = [&](const KnownReplica* replica) {
            const Job& job = *job_of(*replica);
            return std::tuple(replica->started.has_value(), replica->ready.has_value(),
                              loan_of(job) == nullptr, -replica->seen.time_since_epoch().count(),
                              -replica->number);
        };
        std::ranges::sort(order, {}, rank);
        for (int i = 0; i < surplus && i < static_cast<int>(order.size()); ++i)
            order[static_cast<std::size_t>(i)]->drain =
                Drain{at_, counted(*state_.wanted) + " wanted: " + state_.why, {}};
    }

    void drain() {
        for (const KnownReplica& replica : state_.replicas) {
            if (!replica.drain || !lives(replica)) continue;
            const Job& job = *job_of(replica);
            const std::string label = rule_.label(replica.number);
            const Duration time = job.notice && job.notice->within
                                      ? std::min(*job.notice->within, rule_.drain.notice)
                                      : rule_.drain.notice;
            const bool serves = job.state == JobState::kRunning && replica.ready;
            if (!serves || (replica.drain->noticed && at_ - *replica.drain->noticed >= time)) {
                plan_.steps.push_back({EndReplica{job.id, label, rule_.name, "ended: " + replica.drain->why},
                                       replica.drain->why,
                                       {job.id}});
            } else if (!replica.drain->noticed && at_ - replica.drain->since >= rule_.drain.settle) {
                const std::string node = job.nodes.empty() ? "" : snapshot_.nodes[job.nodes.front()].name;
                plan_.steps.push_back(
                    {DrainReplica{job.id, label, rule_.name, node, job.notice,
                                  "will be ended in " + to_text(time) + ": " + replica.drain->why},
                     replica.drain->why,
                     {job.id}});
            }
        }
    }

    ReplicaReport report_of(const KnownReplica& replica, const Job& job) const {
        ReplicaReport report;
        report.job = replica.job;
        report.number = replica.number;
        report.stage = replica.ready     ? ReplicaStage::kReady
                       : replica.started ? ReplicaStage::kStarting
                                         : ReplicaStage::kWaiting;
        report.since = replica.ready.value_or(replica.started.value_or(job.submitted));
        if (!job.nodes.empty()) {
            report.node = snapshot_.nodes[job.nodes.front()].name;
            const bool v6 = job.replica->host.find(':') != std::string::npos;
            report.endpoint = (v6 ? "[" + job.replica->host + "]" : job.replica->host) + ":" +
                              std::to_string(rule_.port + replica.number);
        }
        const Loan* loan = loan_of(job);
        report.lent = loan != nullptr;
        if (replica.drain) {
            report.stage = ReplicaStage::kDraining;
            report.since = replica.drain->since;
            report.why = replica.drain->why;
        } else if (leaves(job)) {
            report.stage = ReplicaStage::kDraining;
            report.since = loan->vacating->since;
            report.why = "its node goes home to " + loan->from;
        } else if (job.state == JobState::kCompleting) {
            report.stage = ReplicaStage::kDraining;
            report.why = "it ends";
        }
        return report;
    }

    void tell() {
        report_.wanted = state_.wanted.value_or(present());
        report_.why = state_.why;
        report_.failure = state_.failure;
        report_.pin = state_.pin;
        for (const KnownReplica& replica : state_.replicas)
            report_.replicas.push_back(report_of(replica, *job_of(replica)));
        std::ranges::sort(report_.replicas, {},
                          [](const ReplicaReport& one) { return std::tie(one.number, one.job); });
        for (const ReplicaReport& replica : report_.replicas)
            if (replica.stage == ReplicaStage::kReady) report_.endpoints.push_back(replica.endpoint);
        plan_.services.push_back(std::move(report_));
    }

    const Snapshot& snapshot_;
    const ServiceRule& rule_;
    const std::vector<const Job*> jobs_;
    const std::set<std::string>& gentle_;
    Plan& plan_;
    ServiceState& state_;
    const ServiceLook* look_ = nullptr;
    const Time at_ = snapshot_.at;
    ServiceReport report_;
};

}  // namespace

void services(const Snapshot& snapshot, const std::vector<ServiceRule>& rules,
              const std::set<std::string>& gentle, Plan& plan) {
    // What is remembered of services that weir.yaml no longer has: their jobs run on as any others.
    std::erase_if(plan.ledger.services, [&](const ServiceState& state) {
        return std::ranges::find(rules, state.service, &ServiceRule::name) == rules.end();
    });
    std::map<std::string, std::vector<const Job*>> jobs;
    if (!rules.empty())
        for (const Job& job : snapshot.jobs)
            if (job.replica) jobs[job.replica->service].push_back(&job);
    for (const ServiceRule& rule : rules)
        Work(snapshot, rule, std::move(jobs[rule.name]), gentle, plan).run();
}

std::vector<std::string> explain(const ServiceReport& report) {
    const int ready = report.count(ReplicaStage::kReady);
    std::vector<std::string> said;
    said.push_back(counted(report.wanted) + " wanted: " + report.why);
    said.push_back(std::to_string(ready) + " ready, " +
                   std::to_string(report.count(ReplicaStage::kStarting)) + " starting, " +
                   std::to_string(report.count(ReplicaStage::kWaiting)) + " waiting, " +
                   std::to_string(report.count(ReplicaStage::kDraining)) + " draining");
    for (const SignalReport& signal : report.signals) {
        std::string text = signal.name + " ";
        if (!signal.problem.empty())
            text += signal.problem + ", and is not heeded";
        else
            text += "is " + number_text(signal.sample->value) + ", target " + number_text(signal.target) +
                    (signal.asks > 0 ? ": asks for " + counted(signal.asks) + " beyond those that are ready"
                     : signal.sample->value < kLow * signal.target ? ": low"
                                                                   : ": asks for no more");
        said.push_back(std::move(text));
    }
    if (report.predicted) said.push_back("predicted: " + counted(*report.predicted));
    if (!report.prediction_problem.empty()) said.push_back("no prediction: " + report.prediction_problem);
    if (!report.held.empty()) said.push_back(report.held);
    return said;
}

}  // namespace weir::policies
