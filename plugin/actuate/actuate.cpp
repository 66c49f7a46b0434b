// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/actuate/actuate.h"

#include <slurm/slurm_errno.h>

#include <algorithm>
#include <optional>

#include "plugin/actuate/nominated.h"
#include "plugin/job_submit/token.h"
#include "plugin/slurm/command.h"
#include "plugin/slurm/query.h"
#include "plugin/slurm/submit.h"

namespace weir::actuate {
namespace {

// The job as it is now, if it runs on that node; else nothing.
Result<std::optional<slurm::JobWhereabouts>> find_on(JobId job, const std::string& node) {
    auto found = slurm::find_job(job.value);
    if (!found) return tl::make_unexpected(found.error());
    const auto nodes = slurm::expand_hosts(found->nodes);
    if (!found->running || std::ranges::find(nodes, node) == nodes.end()) return std::nullopt;
    return std::move(*found);
}

std::chrono::minutes minutes_of(Duration limit) {
    return std::chrono::ceil<std::chrono::minutes>(limit);
}

class Taker {
  public:
    Taker(const Snapshot& snapshot, const Rules& rules, void (*between)())
        : snapshot_(snapshot), rules_(rules), between_(between) {}

    Result<void> operator()(const SetReservation& step) const {
        if (!step.create) return slurm::set_reservation_nodes(step.reservation, step.nodes);
        slurm::Access access;
        for (const auto& rule : rules_.lend) {
            if (rule.name == step.rule) access = {rule.users, rule.accounts, rule.groups};
        }
        return slurm::create_reservation(step.reservation, step.nodes, access);
    }

    Result<void> operator()(const DeleteReservation& step) const {
        return slurm::delete_reservation(step.reservation);
    }

    Result<void> operator()(const NameReservation& step) const {
        slurm::JobChange change;
        change.reservation = step.reservation;
        change.start_now = step.start_now;
        if (const Job* job = snapshot_.job(step.job); job != nullptr && !job->admin_comment.empty())
            change.admin_comment = job_submit::token::remove(job->admin_comment, job_submit::token::kBegin);
        return slurm::update_job(step.label, change);
    }

    Result<void> operator()(const NotifyJob& step) const {
        const auto job = find_on(step.job, step.node);
        if (!job) return tl::make_unexpected(job.error());
        if (!*job) return {};
        tell(step.label, **job, step.told);
        return signal(step.label, step.signal);
    }

    Result<void> operator()(const EndJob& step) const {
        const auto job = find_on(step.job, step.node);
        if (!job) return tl::make_unexpected(job.error());
        if (!*job) return {};
        tell(step.label, **job, step.told);
        return step.how == Ending::kCancel ? slurm::cancel_job(step.label) : slurm::requeue_job(step.label);
    }

    Result<void> operator()(const TellJob& step) const {
        const auto job = slurm::find_job(step.job.value);
        if (!job) return tl::make_unexpected(job.error());
        if (!job->running) return {};
        slurm::JobChange change;
        change.admin_comment = job_submit::token::tell(job->admin_comment, snapshot_.at, step.told);
        return slurm::update_job(step.label, change);
    }

    Result<void> operator()(const TellUser& step) const {
        return slurm::write_to_user(step.job.value, step.message);
    }

    Result<void> operator()(const SubmitReplica& step) const {
        const auto rule = std::ranges::find(rules_.services, step.service, &policies::ServiceRule::name);
        if (rule == rules_.services.end()) return failure("weir.yaml has no service " + step.service);
        slurm::BatchJob job;
        job.script = rule->script;
        job.user = rule->user;
        job.account = rule->account;
        job.directory = rule->directory;
        job.name = step.label;
        job.environment = {{"WEIR_SERVICE", step.service},
                           {"WEIR_REPLICA", std::to_string(step.number)},
                           {"WEIR_PORT", std::to_string(rule->port + step.number)}};
        auto id = slurm::submit_batch(job);
        if (!id) return tl::make_unexpected(id.error());
        return {};
    }

    Result<void> operator()(const DrainReplica& step) const {
        const auto job = find_on(step.job, step.node);
        if (!job) return tl::make_unexpected(job.error());
        if (!*job) return {};
        tell(std::to_string(step.job.value), **job, step.told);
        return signal(std::to_string(step.job.value), step.signal);
    }

    Result<void> operator()(const EndReplica& step) const {
        const std::string id = std::to_string(step.job.value);
        if (const auto job = slurm::find_job(step.job.value)) tell(id, *job, step.told);
        auto ended = slurm::cancel_job(id);
        if (!ended && ended.error().code == ESLURM_ALREADY_DONE) return {};
        return ended;
    }

    Result<void> operator()(const HoldNodes& step) const {
        return slurm::hold_nodes(step.reservation, step.nodes, step.user, step.expires);
    }

    Result<void> operator()(const ReleaseNodes& step) const {
        return slurm::delete_reservation(step.reservation);
    }

    Result<void> operator()(const AskToSave& step) const {
        const auto job = slurm::find_job(step.job.value);
        if (!job) return tl::make_unexpected(job.error());
        if (!job->running || job->restarts != step.restarts) return {};
        tell(step.label, *job, step.told);
        return slurm::signal_job(step.label, step.signal, true);
    }

    Result<void> operator()(const PinJob& step) const {
        const auto job = slurm::find_job(step.job.value);
        if (!job) return tl::make_unexpected(job.error());
        if (!job->pending) return {};
        slurm::JobChange change;
        change.reservation = step.reservation;
        change.start_soon = true;
        change.admin_comment = job_submit::token::tell(job->admin_comment, snapshot_.at, step.told);
        return slurm::update_job(step.label, change);
    }

    Result<void> operator()(const UnpinJob& step) const {
        const auto job = slurm::find_job(step.job.value);
        if (!job) return tl::make_unexpected(job.error());
        if (job->reservation != step.reservation) return {};
        slurm::JobChange change;
        change.reservation = "";
        change.start_soon = job->pending;
        if (!step.told.empty())
            change.admin_comment = job_submit::token::tell(job->admin_comment, snapshot_.at, step.told);
        return slurm::update_job(step.label, change);
    }

    Result<void> operator()(const Nominate& step) const {
        const auto job = slurm::find_task(step.job.value, step.label);
        if (!job) return tl::make_unexpected(job.error());
        // Whatever else has become of it, the next cycle sees.
        if (!job->pending || !as_expected(job->partition, step)) return {};
        slurm::JobChange change;
        change.partitions = step.partitions;
        change.admin_comment = job_submit::token::tell(
            job_submit::token::set(job->admin_comment, job_submit::token::kSite, step.token), snapshot_.at,
            step.told);
        return slurm::update_job(step.label, change);
    }

    Result<void> operator()(const TakeBack& step) const {
        const auto job = slurm::find_task(step.job.value, step.label);
        if (!job) return tl::make_unexpected(job.error());
        // Slurm refuses the change of a job that starts between the two as a whole, for its partitions.
        const auto change = taken_back(step, *job, snapshot_.at);
        if (!change) return tl::make_unexpected(change.error());
        return *change ? slurm::update_job(step.label, **change) : Result<void>{};
    }

    Result<void> operator()(const ExtendLimit& step) const {
        const auto job = slurm::find_task(step.job.value, step.label);
        if (!job) return tl::make_unexpected(job.error());
        if (!job->running) return {};
        slurm::JobChange change;
        change.time_limit = minutes_of(step.limit);
        change.admin_comment = job_submit::token::tell(job->admin_comment, snapshot_.at, step.told);
        return slurm::update_job(step.label, change);
    }

  private:
    static Result<void> signal(const std::string& label, const std::optional<NoticeSignal>& signal) {
        if (!signal) return {};
        auto told = slurm::signal_job(label, signal->number, signal->batch_only);
        // A job that Slurm will not signal, having no step yet, say, still gets its time.
        if (!told && slurm::refused(told.error())) return {};
        return told;
    }

    // What follows does not depend on it: a job that cannot be told is in the journal all the same.
    void tell(const std::string& label, const slurm::JobWhereabouts& job, const std::string& sentence) const {
        slurm::JobChange change;
        change.admin_comment = job_submit::token::tell(job.admin_comment, snapshot_.at, sentence);
        static_cast<void>(slurm::update_job(label, change));
        between_();
    }

    const Snapshot& snapshot_;
    const Rules& rules_;
    void (*between_)();
};

}  // namespace

Result<void> take(const Step& step, const Snapshot& snapshot, const Rules& rules, void (*between)()) {
    return std::visit(Taker(snapshot, rules, between), step.action);
}

}  // namespace weir::actuate
