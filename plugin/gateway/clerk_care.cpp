// SPDX-License-Identifier: GPL-2.0-or-later
// What becomes of copies as their local jobs end, come back, or lose their relays.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <iterator>

#include "plugin/gateway/clerk.h"
#include "plugin/slurm/command.h"
#include "plugin/spank/signals.h"

namespace weir::gateway {
namespace {

using std::chrono::seconds;

constexpr seconds kLook{3};                  // between two looks at the local job of a copy without a relay
constexpr seconds kSeldom{30};               // of one with a relay, which may be of a run that is over
constexpr std::size_t kLooksPerSecond = 20;  // of those, so that slurmctld is not asked all the time
constexpr seconds kSilence{12};              // of a relay, before its job is looked at
constexpr seconds kGrace{10};                // for relays to come back after the gateway's start
constexpr seconds kTimeOut{120};             // for Slurm to end a job whose copy ran out of time
constexpr seconds kPutOff{15};  // the start of a job whose copy is not gone yet, looked at every kLook
constexpr seconds kSoon{8};
constexpr seconds kGrowth{120};  // of a time limit beyond what the copy waited: rounding, and some
constexpr std::chrono::milliseconds kServeAgain{1000};

}  // namespace

bool same_job(const Record& record, const LocalJob& job) {
    if (job.id != record.run.job.value || job.uid != record.uid) return false;
    if (job.restarts > record.run.restarts) return job.submitted >= record.run.submitted;
    if (job.restarts < record.run.restarts) return job.submitted <= record.run.submitted;
    return job.submitted == record.run.submitted;
}

// What a signal to a relay means depends on what Slurm is doing with its job. Whether that is known now.
bool Clerk::heed(const Alarm& alarm) {
    if (alarm.number != SIGTERM) {
        const std::scoped_lock hold(board_.lock());
        pass_on(alarm);
        return true;
    }
    const auto job = look_up(alarm.job);
    if (!job) return false;
    const std::scoped_lock hold(board_.lock());
    switch (job->state) {
    case LocalState::kRunning:
    case LocalState::kSuspended:
        pass_on(alarm);
        break;
    case LocalState::kRequeueing:
        withdraw(alarm.job, Withdrawal::kRequeued);
        break;
    case LocalState::kPending:  // its node was lost, and this relay is of before: the next one takes over
    case LocalState::kGone:     // Slurm has lost it, and ends what it does not know
        break;
    default:
        withdraw(alarm.job, Withdrawal::kCancelled);
    }
    return true;
}

// Under the lock. Nobody gets what comes before the script runs: kept for later it would meet a script that
// has just begun.
void Clerk::pass_on(const Alarm& alarm) {
    const Record* known = board_.records().find(alarm.job);
    if (known == nullptr) return;
    if (known->run.stage == RunStage::kRunning) {
        board_.live(alarm.job).signals.insert(alarm.number);
        return;
    }
    Record record = *known;
    if (record.run.stage < RunStage::kRunning)
        board_.say(record, spank::signal_name(alarm.number) + " is not passed on: it does not run at " +
                               record.site + " yet");
}

// Under the lock.
void Clerk::withdraw(std::uint32_t job, Withdrawal why) {
    const Record* known = board_.records().find(job);
    if (known == nullptr || known->withdrawal != Withdrawal::kNone) return;
    // One that is over counts for nothing only once its job starts anew.
    if (known->ended() && why != Withdrawal::kRequeued) return;
    Record record = *known;
    record.withdrawal = why;
    if (board_.put(record)) spdlog::info("job {}: withdrawn from {}", record.run.label, record.site);
    board_.live(job).next_ask = {};
}

void Clerk::forget(std::uint32_t job) {
    const std::scoped_lock hold(board_.lock());
    if (auto gone = board_.records().forget(job); !gone) {
        spdlog::warn("{}", gone.error().message);
        return;
    }
    board_.lives().erase(job);
    board_.answers().erase(job);
    last_look_.erase(job);
    timing_out_.erase(job);
}

// A copy that did not come to its end through no fault of its job: the job is requeued, for another place.
// One that may have run is held: whether it is to run again only its user knows.
void Clerk::bring_home(const Record& record, const LocalJob& job) {
    if (job.state != LocalState::kRunning || job.restarts != record.run.restarts) return;
    const bool held = record.outcome && record.outcome->hold;
    if (held)
        say(job.id, record.outcome->said + "; it is held: scontrol release " + job.label +
                        " has it run again, scancel " + job.label + " gives it up");
    if (auto done = slurm::requeue_job(job.label, held); !done)
        return spdlog::warn("{}", done.error().message);
    stay_away(record, job.id);
}

// A job that was requeued while its copy cannot be ended yet, since its site does not answer, does not start
// meanwhile: elsewhere it would run a second time.
void Clerk::put_off(const LocalJob& job) const {
    if (job.eligible > now_in_seconds() + kSoon) return;
    slurm::JobChange change;
    change.start_after = kPutOff;
    if (auto done = slurm::update_job(job.label, change); !done) spdlog::warn("{}", done.error().message);
}

// A job that came back from a site does not start there again, also while weirctld is not there to see to it.
void Clerk::stay_away(const Record& record, std::uint32_t id) const {
    const auto site = std::ranges::find(sites_, record.site, &policies::Site::name);
    const auto job = look_up(id);
    if (!job || site == sites_.end()) return;
    slurm::JobChange change;
    std::ranges::remove_copy(job->partitions, std::back_inserter(change.partitions), site->partition);
    if (change.partitions.empty() || change.partitions.size() == job->partitions.size()) return;
    if (auto done = slurm::update_job(job->label, change); !done) spdlog::warn("{}", done.error().message);
}

// A longer limit does not reach the copy: at the site only its operators could raise it. What weirctld adds
// is for what the copy had to wait.
void Clerk::tell_limit(const Record& record, const LocalJob& job) {
    Duration sent{};
    bool told = false;
    {
        const std::scoped_lock hold(board_.lock());
        const Live& live = board_.live(job.id);
        sent = live.local.time_limit;
        told = live.told_limit;
    }
    if (told || !job.started || sent == Duration{}) return;
    const Duration waited = record.run.started.value_or(now_in_seconds()) - *job.started;
    if (job.time_limit != Duration{} && job.time_limit <= sent + waited + kGrowth) return;
    say(job.id, "its longer time limit does not reach " + record.site + ": it ends there after " +
                    weir::to_text(sent));
    const std::scoped_lock hold(board_.lock());
    board_.live(job.id).told_limit = true;
}

void Clerk::say(std::uint32_t job, const std::string& text) {
    const std::scoped_lock hold(board_.lock());
    const Record* known = board_.records().find(job);
    if (known == nullptr) return;
    Record told = *known;
    board_.say(told, text);
    board_.put(told);
}

// A job that lost its gateway node and not its copy: it may start nowhere but here, and soon.
void Clerk::await_return(const Record& record, const LocalJob& job) {
    const auto site = std::ranges::find(sites_, record.site, &policies::Site::name);
    if (site == sites_.end()) return;
    slurm::JobChange change;
    change.partitions = {site->partition};
    change.start_soon = true;
    if (auto done = slurm::update_job(job.label, change); !done) {
        spdlog::warn("job {}: {}", job.label, done.error().message);
        return;
    }
    spdlog::info("job {}: lost its node; its copy at {} stays, and it takes that up again", job.label,
                 record.site);
    const std::scoped_lock hold(board_.lock());
    board_.live(job.id).pinned = true;
}

// What is to be done about a copy whose end is known, or whose relay is gone.
void Clerk::settle(const Record& record, const LocalJob& job) {
    Live live;
    {
        const std::scoped_lock hold(board_.lock());
        live = board_.live(record.run.job.value);
    }
    const bool comes_home = record.withdrawal == Withdrawal::kWaitedLong ||
                            (record.withdrawal == Withdrawal::kRefused && job.requeueable) ||
                            (record.outcome && record.outcome->requeue && job.requeueable);
    const bool same = same_job(record, job);
    if (same && record.ended() && comes_home) bring_home(record, job);
    if (!same || job.state == LocalState::kGone || over(job.state) ||
        (job.state == LocalState::kPending && record.given_up())) {
        if (record.ended() && live.clean && job.state != LocalState::kEnding)
            return forget(record.run.job.value);
    }
    if (record.ended()) return;
    const std::scoped_lock hold(board_.lock());
    if (over(job.state)) withdraw(record.run.job.value, Withdrawal::kCancelled);
    if (job.state == LocalState::kRunning && same) {
        const auto site = std::ranges::find(sites_, record.site, &policies::Site::name);
        const bool here = site != sites_.end() && !job.nodes.empty() &&
                          std::ranges::binary_search(site->nodes, job.nodes.front());
        if (!here) withdraw(record.run.job.value, Withdrawal::kElsewhere);
    }
}

void Clerk::look_after(std::uint32_t id) {
    const auto job = look_up(id);
    if (!job) return;
    Record record;
    bool attached = false;
    bool pinned = false;
    {
        const std::scoped_lock hold(board_.lock());
        const Record* known = board_.records().find(id);
        if (known == nullptr) return;
        record = *known;
        Live& live = board_.live(id);
        attached = live.connection != 0;
        // It may lose another node before its relay has come here.
        if (job->state != LocalState::kPending) live.pinned = false;
        pinned = live.pinned;
        const bool gone = job->state == LocalState::kGone || !same_job(record, *job);
        if (!gone && over(job->state)) live.seen_ended = true;
        if (!gone) live.gone.reset();
        if (gone && !live.seen_ended) {
            // A Slurm that has lost its jobs must not take their copies with it.
            if (!live.gone) live.gone = Clock::now();
            if (Clock::now() - *live.gone < keep_lost_) return;
            live.seen_ended = true;
            withdraw(id, Withdrawal::kCancelled);
            return;
        }
        if (live.seen_ended && job->state == LocalState::kPending) withdraw(id, Withdrawal::kRequeued);
        record = *board_.records().find(id);
    }
    if (attached && job->state == LocalState::kSuspended) {
        // Slurm stops the relay and knows nothing of the copy, which runs on: said, and taken back.
        if (auto done = slurm::resume_job(job->label); !done) spdlog::warn("{}", done.error().message);
        say(id, "it cannot be suspended while it runs at " + record.site + "; it runs on");
    }
    if (attached && job->state == LocalState::kRunning && !record.ended()) tell_limit(record, *job);
    // Also one whose start Slurm has forgotten, and one whose copy has ended meanwhile: how, it is still to
    // learn.
    const bool lost_node =
        job->state == LocalState::kPending && !pinned && !record.given_up() && same_job(record, *job);
    if (lost_node) await_return(record, *job);
    if (job->state == LocalState::kPending && same_job(record, *job) && record.given_up() && !record.ended())
        put_off(*job);
    settle(record, *job);
}

// Copies that are over, whose relays do not know it yet.
void Clerk::tell_ends() {
    std::vector<Record> timed_out;
    {
        const std::scoped_lock hold(board_.lock());
        for (const auto& [job, record] : board_.records().all()) {
            Live& live = board_.live(job);
            if (!record.ended() || !record.outcome || live.connection == 0 || live.told_done) continue;
            const bool requeued = record.outcome->requeue || record.withdrawal == Withdrawal::kWaitedLong ||
                                  record.withdrawal == Withdrawal::kRefused;
            if (requeued && live.local.requeueable) continue;
            if (record.outcome->timed_out && !timing_out_.contains(job)) {
                timed_out.push_back(record);
                continue;
            }
            if (record.outcome->timed_out && Clock::now() - timing_out_[job] < kTimeOut) continue;
            live.told_done = true;
            board_.post(job, {{"do", "done"},
                              {"exit", record.outcome->exit_code},
                              {"signal", record.outcome->signal},
                              {"said", record.outcome->said},
                              {"left", "at " + record.site + " in " + record.output}});
        }
    }
    for (const Record& record : timed_out) let_time_out(record);
}

// Its copy's time limit has ended it: Slurm shall say so of the job itself.
void Clerk::let_time_out(const Record& record) {
    const std::uint32_t id = record.run.job.value;
    const auto job = look_up(id);
    if (!job) return;
    timing_out_[id] = Clock::now();
    if (job->state != LocalState::kRunning || !job->started) return;
    const auto ran = std::chrono::system_clock::now() - *job->started;
    slurm::JobChange change;
    change.time_limit = std::max(std::chrono::minutes(1), std::chrono::floor<std::chrono::minutes>(ran));
    if (auto done = slurm::update_job(job->label, change); !done) {
        spdlog::warn("job {}: {}", job->label, done.error().message);
        timing_out_[id] = Clock::now() - kTimeOut;
    }
}

void Clerk::round() {
    std::deque<Guest> guests;
    std::deque<Alarm> alarms;
    std::vector<std::uint32_t> looks;
    {
        const std::scoped_lock hold(board_.lock());
        guests.swap(counter_.guests);
        alarms.swap(counter_.alarms);
        const auto now = Clock::now();
        const auto seldom = std::max(kSeldom, seconds(board_.records().all().size() / kLooksPerSecond));
        for (const auto& [job, record] : board_.records().all()) {
            const Live& live = board_.live(job);
            const bool silent = live.connection == 0 || now - live.heard > kSilence;
            if (live.connection == 0 && now - began_ <= kGrace && !record.ended()) continue;
            const auto last = last_look_.try_emplace(job, silent ? Clock::time_point{} : now).first->second;
            if (now - last >= (silent || record.ended() ? kLook : seldom)) looks.push_back(job);
        }
    }
    std::deque<Guest> again;
    for (Guest& guest : guests) {
        if (Clock::now() >= guest.next && serve_or_refuse(guest)) continue;
        if (Clock::now() >= guest.next) guest.next = Clock::now() + kServeAgain;
        again.push_back(guest);
    }
    std::deque<Alarm> unheeded;
    for (const Alarm& alarm : alarms)
        if (!heed(alarm)) unheeded.push_back(alarm);
    for (const std::uint32_t job : looks) {
        last_look_[job] = Clock::now();
        look_after(job);
    }
    tell_ends();
    const std::scoped_lock hold(board_.lock());
    std::ranges::copy_if(again, std::back_inserter(counter_.guests),
                         [&](const Guest& guest) { return counter_.present.contains(guest.connection); });
    counter_.alarms.insert(counter_.alarms.end(), unheeded.begin(), unheeded.end());
}

}  // namespace weir::gateway
