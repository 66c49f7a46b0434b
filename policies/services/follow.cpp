// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/services/work.h"

#include <algorithm>

#include "policies/services/services.h"

namespace weir::policies {

std::string counted(int count) {
    return std::to_string(count) + (count == 1 ? " replica" : " replicas");
}

Work::Work(const Snapshot& snapshot, const ServiceRule& rule, std::vector<const Job*> jobs,
           const std::set<std::string>& gentle, Plan& plan)
    : snapshot_(snapshot),
      rule_(rule),
      jobs_(std::move(jobs)),
      gentle_(gentle),
      plan_(plan),
      state_(service_state(plan.ledger, rule.name)),
      at_(snapshot.at) {
    const auto look = std::ranges::find(snapshot.services, rule.name, &ServiceLook::service);
    if (look != snapshot.services.end()) look_ = &*look;
    for (const Loan& loan : plan.ledger.loans)
        if (const auto node = snapshot.node(loan.node)) loans_.emplace_back(*node, &loan);
    std::ranges::sort(loans_, {}, &std::pair<NodeIndex, const Loan*>::first);
}

void Work::run() {
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

const Job* Work::job_of(const KnownReplica& replica) const {
    const auto found = std::ranges::lower_bound(jobs_, replica.job, {}, &Job::id);
    return found == jobs_.end() || (*found)->id != replica.job ? nullptr : *found;
}

bool Work::runs(const KnownReplica& replica) const {
    const Job* job = job_of(replica);
    return job != nullptr && job->state == JobState::kRunning;
}

bool Work::lives(const KnownReplica& replica) const {
    const Job* job = job_of(replica);
    return job != nullptr && job->state != JobState::kCompleting;
}

bool Work::counts(const KnownReplica& replica) const {
    return lives(replica) && !replica.drain;
}

int Work::present() const {
    return static_cast<int>(std::ranges::count_if(
               state_.replicas, [&](const KnownReplica& replica) { return counts(replica); })) +
           static_cast<int>(state_.attempts.size());
}

int Work::ready() const {
    return static_cast<int>(std::ranges::count_if(
        state_.replicas, [&](const KnownReplica& replica) { return counts(replica) && replica.ready; }));
}

const Loan* Work::loan_of(const Job& job) const {
    for (const NodeIndex node : job.nodes) {
        const auto found =
            std::ranges::lower_bound(loans_, node, {}, &std::pair<NodeIndex, const Loan*>::first);
        if (found != loans_.end() && found->first == node) return found->second;
    }
    return nullptr;
}

bool Work::leaves(const Job& job) const {
    const Loan* loan = loan_of(job);
    return loan != nullptr && loan->vacating && loan->vacating->stops_jobs && !gentle_.contains(loan->rule);
}

int Work::gpus_of_replica() const {
    if (rule_.gpus) return *rule_.gpus;
    for (const Job* job : jobs_) {
        const auto asked = std::max(job->request.gpus_total,
                                    job->request.gpus_per_node * std::max(1, job->request.nodes_min));
        const auto gpus = job->state == JobState::kPending ? asked : static_cast<int>(job->gpus.value);
        if (gpus > 0) return gpus;
    }
    return 1;
}

Time Work::settled() const {
    Time last{};
    for (const KnownReplica& replica : state_.replicas)
        if (replica.ready) last = std::max(last, *replica.ready);
    return last;
}

void Work::fail(std::string how) {
    ++state_.failures;
    state_.failed = at_;
    state_.failure = std::move(how);
}

void Work::follow_jobs() {
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

const EndedReplica* Work::ended_since(const Attempt& attempt) const {
    const auto found = std::ranges::find_if(snapshot_.ended, [&](const EndedReplica& ended) {
        return ended.service == rule_.name && ended.number == attempt.number && ended.submitted >= attempt.at;
    });
    return found == snapshot_.ended.end() ? nullptr : &*found;
}

void Work::follow(const Job& job, KnownReplica& replica) const {
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

void Work::note_end(const KnownReplica& replica) {
    if (replica.drain || (replica.ready && at_ - *replica.ready >= kProven)) return;
    const auto ended = std::ranges::find(snapshot_.ended, replica.job, &EndedReplica::job);
    fail(rule_.label(replica.number) + " (job " + std::to_string(replica.job.value) + ") " +
         (ended == snapshot_.ended.end() ? "is gone" : "ended " + ended->how) +
         (replica.ready ? " just after" : " before") + " it was ready");
}

void Work::give_up_slow_ones() {
    if (rule_.ready_path.empty()) return;
    for (KnownReplica& replica : state_.replicas) {
        if (!counts(replica) || !replica.unready || leaves(*job_of(replica))) continue;
        if (at_ - *replica.unready < rule_.ready_within) continue;
        replica.drain = Drain{at_, "it was not ready within " + to_text(rule_.ready_within), {}};
        fail(rule_.label(replica.number) + " (job " + std::to_string(replica.job.value) +
             ") was not ready within " + to_text(rule_.ready_within));
    }
}

}  // namespace weir::policies
