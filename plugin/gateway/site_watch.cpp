// SPDX-License-Identifier: GPL-2.0-or-later
// What the site tells of copies that it has, and of itself.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "plugin/gateway/remote_state.h"
#include "plugin/gateway/site_worker.h"
#include "plugin/spank/signals.h"

namespace weir::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kLookEvery{1000};
constexpr milliseconds kLookEveryOfMany{5000};
constexpr std::size_t kMany = 64;  // copies of one account
constexpr seconds kProbeSoon{2};
constexpr seconds kNoteAgain{5};  // how a copy ended, where the disk was full
constexpr seconds kRememberFailure{600};
constexpr std::size_t kRememberWaits = 20;
}  // namespace

// What the relay got for its job, on to the copy.
void SiteWorker::pass_signals(Task& task) {
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return;
    if (!copy_of(task, *credentials)) return;
    for (const int number : task.live.signals) {
        if (!checked(task.record.run.remote_user,
                     client_.cancel(*credentials, task.record.run.remote_id, spank::signal_name(number))))
            return;
        const std::scoped_lock hold(board_.lock());
        board_.live(task.record.run.job.value).signals.erase(number);
    }
}

// All copies of an account that wait or run.
void SiteWorker::watch(const std::string& account, std::vector<Task>& tasks) {
    std::vector<Task*> owned;
    std::vector<std::uint32_t> ids;
    for (Task& task : tasks) {
        if (task.record.withdrawal != Withdrawal::kNone) {
            change(task, [](Record& it) { it.run.stage = RunStage::kWithdrawing; });
            continue;
        }
        if (!task.live.signals.empty()) pass_signals(task);
        owned.push_back(&task);
        ids.push_back(task.record.run.remote_id);
    }
    if (owned.empty() || Clock::now() < next_try_ || on_hold(account)) return;
    auto credentials = who(account);
    if (!credentials) return;
    const auto states = checked(account, client_.states(*credentials, ids));
    for (Task* task : owned) {
        if (!states) {
            later_each_time(*task);
            continue;
        }
        const auto state = std::ranges::find(*states, task->record.run.remote_id, &rest::JobState::id);
        const bool waiting = state != states->end() && state->state == rest::State::kPending;
        const bool as_known = state != states->end() && task->record.run.started &&
                              !rest::ended(state->state) && !may_be_twice(task->record, now_in_seconds());
        if (waiting)
            waits(*task);
        else if (!as_known)
            look(*task);
        later(*task, owned.size() > kMany ? kLookEveryOfMany : kLookEvery);
    }
}

// A submission that was made twice, the first time without an answer, may have come twice. The second one
// waits for the end of the first (dependency=singleton), so that it has not run yet.
void SiteWorker::drop_others(Task& task) {
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return;
    const auto jobs = checked(task.record.run.remote_user, client_.jobs(*credentials));
    if (!jobs) return;
    for (const rest::Job& job : *jobs) {
        if (job.name != task.record.name || job.id == task.record.run.remote_id || rest::ended(job.state))
            continue;
        spdlog::warn("job {}: {} has it twice, as {} and {}; the second is withdrawn", task.record.run.label,
                     name(), task.record.run.remote_id, job.id);
        static_cast<void>(checked(task.record.run.remote_user, client_.cancel(*credentials, job.id)));
    }
}

// The copy as the site has it. A site that has lost its state gives out its job ids again: another job by the
// copy's is none of ours.
rest::Answered<rest::Job> SiteWorker::copy_of(const Task& task, const rest::Credentials& credentials) {
    auto job = checked(credentials.user, client_.job(credentials, task.record.run.remote_id));
    if (job && (job->name != task.record.name || !may_be_of(*job, credentials.user)))
        return rest::failed(rest::Trouble::kNotFound, name() + ": job " + std::to_string(job->id) + " is " +
                                                          job->name + " of " + job->user);
    return job;
}

void SiteWorker::look(Task& task) {
    if (task.record.doubted) drop_others(task);
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return;
    const auto job = copy_of(task, *credentials);
    if (job)
        seen(task, *job);
    else if (job.error().trouble == rest::Trouble::kNotFound)
        lost(task);
}

// Under the lock.
void SiteWorker::note_wait(Duration wait) {
    SiteState& state = board_.site(name());
    state.waits.push_back(wait);
    if (state.waits.size() > kRememberWaits) state.waits.pop_front();
}

// A copy that waits there for too long comes back, if its local job may be requeued.
void SiteWorker::waits(Task& task) {
    {
        const std::scoped_lock hold(board_.lock());
        Live& live = board_.live(task.record.run.job.value);
        live.seen_waiting = now_in_seconds();
        live.missed.reset();
    }
    const auto since = task.record.waiting_since.value_or(now_in_seconds());
    if (now_in_seconds() - since <= site_.max_remote_wait || !task.live.local.requeueable) return;
    change(task, [&](Record& it) {
        it.withdrawal = Withdrawal::kWaitedLong;
        note_wait(site_.max_remote_wait);
        board_.say(it, "waited at " + name() + " for longer than " + weir::to_text(site_.max_remote_wait) +
                           "; it comes back");
    });
}

void SiteWorker::seen(Task& task, const rest::Job& job) {
    {
        const std::scoped_lock hold(board_.lock());
        board_.live(task.record.run.job.value).missed.reset();
    }
    if (job.started && !task.record.run.started) {
        change(task, [&](Record& it) {
            it.run.started = job.started;
            it.run.stage = RunStage::kRunning;
            note_wait(*job.started - it.waiting_since.value_or(*job.started));
            board_.say(it, "runs at " + name() + " on " + (job.nodes.empty() ? "a node" : job.nodes));
        });
        probe_soon();
    }
    auto outcome = outcome_of(job, name());
    if (!outcome) return;
    change(task, [&](Record& it) {
        it.run.started = job.started ? job.started : it.run.started;
        it.run.ended = job.ended ? job.ended : now_in_seconds();
        it.run.stage = RunStage::kFetching;
        it.outcome = outcome;
    });
    probe_soon();
}

// The site does not know a copy that it had taken. One that waited a moment ago has not started; since it
// was last seen, another may have started, ended and been forgotten.
void SiteWorker::lost(Task& task) {
    {
        // One answer alone may be wrong: of a site whose Slurm is just starting, or of a token for another.
        const std::scoped_lock hold(board_.lock());
        auto& missed = board_.live(task.record.run.job.value).missed;
        if (!missed) missed = Clock::now();
        if (Clock::now() - *missed < kTwoLooks) return;
    }
    const Time seen = std::max(task.live.seen_waiting, task.record.waiting_since.value_or(Time{}));
    const bool may_have_run = task.record.run.started || now_in_seconds() - seen >= kSurelyListed;
    change(task, [&](Record& it) {
        it.run.ended = now_in_seconds();
        it.run.stage = RunStage::kFetching;
        it.outcome = Outcome{1,
                             0,
                             false,
                             true,
                             name() + " no longer knows job " + std::to_string(it.run.remote_id) +
                                 (it.run.started ? "; how it ended cannot be told"
                                  : may_have_run ? "; whether it ran cannot be told"
                                                 : "; it never started there"),
                             may_have_run};
    });
}

void SiteWorker::finish(Task& task, Outcome outcome) {
    const std::scoped_lock hold(board_.lock());
    const std::uint32_t job = task.record.run.job.value;
    const Record* current = board_.records().find(job);
    if (current == nullptr || current->name != task.record.name || current->ended()) return;
    Record record = *current;
    record.run.withdrawn = record.withdrawal != Withdrawal::kNone;
    record.outcome = std::move(outcome);
    if (auto noted = board_.records().finish(record); !noted) {
        spdlog::error("job {}: {}; it is tried again", record.run.label, noted.error().message);
        board_.live(job).next_ask = Clock::now() + kNoteAgain;
        return;
    }
    spdlog::info("job {}: over at {} as job {}", record.run.label, name(), record.run.remote_id);
}

// It lets nobody in; why, its accounts' problems say.
void SiteWorker::unwelcome() {
    const std::scoped_lock hold(board_.lock());
    SiteState& state = board_.site(name());
    state.reachable = false;
    state.problem.clear();
}

// What is free there is another since its last answer. A large site, which takes long to tell, is not asked
// all the time.
void SiteWorker::probe_soon() {
    const auto rest = std::max<Clock::duration>(kProbeSoon, 20 * probe_took_);
    next_probe_ = std::min(next_probe_, Clock::now() + rest);
}

void SiteWorker::probe() {
    // As whom does not matter, as long as the site lets him in.
    std::vector<std::string> welcome;
    for (const auto& [user, account] : site_.users)
        if (!on_hold(account)) welcome.push_back(account);
    if (welcome.empty()) return unwelcome();
    const std::string account =
        *std::ranges::min_element(welcome, {}, [&](const auto& it) { return last_failed(it); });
    auto credentials = who(account);
    if (!credentials) return;
    const auto pinged = checked(account, client_.ping(*credentials));
    if (!pinged) return;
    const auto began = Clock::now();
    const auto nodes = checked(account, client_.nodes(*credentials));
    probe_took_ = Clock::now() - began;
    const std::scoped_lock hold(board_.lock());
    SiteState& state = board_.site(name());
    state.round_trip = pinged->round_trip;
    state.api = (client_.version() ? client_.version()->text() : "") +
                (pinged->ping.slurm.empty() ? "" : ", Slurm " + pinged->ping.slurm);
    if (nodes) state.rooms = rooms_of(*nodes, connection_.partition);
    if (!pinged->ping.controller_answers) state.problem = "its slurmctld does not answer";
    while (!state.failures.empty() && Clock::now() - state.failures.front() > kRememberFailure)
        state.failures.pop_front();
}

}  // namespace weir::gateway
