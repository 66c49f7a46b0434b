// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/services/work.h"

#include <algorithm>
#include <tuple>

namespace weir::policies {

std::optional<int> Work::free_number() const {
    std::set<int> used;
    for (const KnownReplica& replica : state_.replicas) used.insert(replica.number);
    for (const Attempt& one : state_.attempts) used.insert(one.number);
    int number = 1;
    while (used.contains(number)) ++number;
    return number <= kNumbers * rule_.max ? std::optional(number) : std::nullopt;
}

void Work::fill() {
    for (KnownReplica& replica : state_.replicas) {
        if (present() >= *state_.wanted) return;
        if (replica.drain && replica.ready && !replica.drain->noticed && runs(replica)) replica.drain.reset();
    }
    int missing = std::min(*state_.wanted - present(), rule_.most_up);
    if (missing > 0 && state_.failures > 0) {
        const Duration wait = retry_wait();
        if (at_ < *state_.failed + wait) {
            report_.held = state_.failure + "; the next try is in " + to_text(*state_.failed + wait - at_);
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

Duration Work::retry_wait() const {
    Duration wait = rule_.retry.first;
    for (int i = 1; i < state_.failures && wait < rule_.retry.max; ++i) wait *= 2;
    return std::min(wait, rule_.retry.max);
}

void Work::thin() {
    const int surplus = std::min(present() - *state_.wanted, rule_.most_down);
    if (surplus <= 0) return;
    std::vector<KnownReplica*> order;
    for (KnownReplica& replica : state_.replicas)
        if (counts(replica)) order.push_back(&replica);
    const auto rank = [&](const KnownReplica* replica) {
        const Job& job = *job_of(*replica);
        return std::tuple(replica->started.has_value(), replica->ready.has_value(), loan_of(job) == nullptr,
                          -replica->seen.time_since_epoch().count(), -replica->number);
    };
    std::ranges::sort(order, {}, rank);
    for (int i = 0; i < surplus && i < static_cast<int>(order.size()); ++i)
        order[static_cast<std::size_t>(i)]->drain =
            Drain{at_, counted(*state_.wanted) + " wanted: " + state_.why, {}};
}

void Work::drain() {
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

}  // namespace weir::policies
