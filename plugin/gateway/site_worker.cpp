// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/site_worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>

namespace weir::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kWatch{1000};      // between two looks at a copy
constexpr milliseconds kSlowWatch{5000};  // of a copy that waits, where there are many
constexpr seconds kProbe{15};
constexpr seconds kLongestRest{30};  // after troubles in a row
constexpr seconds kCancelAgain{10};
constexpr seconds kTwoLooks{5};  // apart, before a lost submission is made again
constexpr seconds kRememberFailure{600};
constexpr std::size_t kRememberWaits = 20;
constexpr std::size_t kMany = 64;  // copies of one account

Time now() {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

milliseconds rest_after(int troubles) {
    const milliseconds rest{500L << std::min(troubles, 8)};
    return std::min<milliseconds>(rest, kLongestRest);
}

bool may_have_acted(const rest::Failure& failure) {
    return failure.trouble == rest::Trouble::kUnsure || failure.trouble == rest::Trouble::kGarbage;
}

const char* signal_name(int number) {
    switch (number) {
    case SIGHUP:
        return "HUP";
    case SIGINT:
        return "INT";
    case SIGQUIT:
        return "QUIT";
    case SIGUSR1:
        return "USR1";
    case SIGUSR2:
        return "USR2";
    default:
        return "TERM";
    }
}

}  // namespace

// A change of a record that is still as it was taken; applied to what is there now.
template <class Change>
bool SiteWorker::change(Task& task, Change apply) {
    const std::scoped_lock hold(board_.lock());
    const Record* current = board_.records().find(task.record.run.job.value);
    if (current == nullptr || current->name != task.record.name) return false;
    Record changed = *current;
    apply(changed);
    if (!board_.put(changed)) return false;
    task.record = changed;
    return true;
}

void SiteWorker::later(Task& task, milliseconds rest) {
    const std::scoped_lock hold(board_.lock());
    board_.live(task.record.run.job.value).next_ask = Clock::now() + rest;
}

rest::Answered<rest::Credentials> SiteWorker::who(const std::string& account) {
    auto token = tokens_.of(account);
    if (!token) return rest::failed(rest::Trouble::kUnreachable, token.error().message);
    return rest::Credentials{account, *token};
}

// Notes how the site took a request.
template <class T>
T SiteWorker::checked(const std::string& account, T answer) {
    if (answer) {
        answered();
        return answer;
    }
    if (answer.error().trouble == rest::Trouble::kUnauthorized) tokens_.refused(account);
    note(answer.error());
    return answer;
}

void SiteWorker::answered() {
    troubles_ = 0;
    const std::scoped_lock hold(board_.lock());
    SiteState& state = board_.site(name());
    if (!state.reachable) spdlog::info("site {} answers", name());
    state.reachable = true;
    state.problem.clear();
    state.at = now();
}

void SiteWorker::note(const rest::Failure& failure) {
    using rest::Trouble;
    if (failure.trouble == Trouble::kRefused || failure.trouble == Trouble::kNotFound) return;
    ++troubles_;
    next_try_ = Clock::now() + rest_after(troubles_);
    const std::scoped_lock hold(board_.lock());
    SiteState& state = board_.site(name());
    if (state.problem != failure.message) spdlog::warn("site {}: {}", name(), failure.message);
    state.reachable = false;
    state.problem = failure.message;
}

std::vector<SiteWorker::Task> SiteWorker::due() {
    const std::scoped_lock hold(board_.lock());
    std::vector<Task> tasks;
    for (const auto& [job, record] : board_.records().all()) {
        if (record.site != name() || record.ended()) continue;
        Live& live = board_.live(job);
        if (Clock::now() < live.next_ask) continue;
        tasks.push_back({record, live});
    }
    return tasks;
}

void SiteWorker::round() {
    if (Clock::now() < next_try_) return;
    std::vector<Task> tasks = due();
    std::vector<Task> watched;
    for (Task& task : tasks) {
        if (Clock::now() < next_try_) return;
        const RunStage stage = task.record.run.stage;
        if (stage == RunStage::kWaiting || stage == RunStage::kRunning)
            watched.push_back(std::move(task));
        else
            step(task);
    }
    watch(watched);
    if (Clock::now() >= next_probe_ && Clock::now() >= next_try_) {
        next_probe_ = Clock::now() + kProbe;
        probe();
    }
}

void SiteWorker::step(Task& task) {
    Record& record = task.record;
    switch (record.run.stage) {
    case RunStage::kStaging:
        if (record.withdrawal != Withdrawal::kNone)
            finish(task, {0, SIGTERM, false, false, ""});
        else if (record.staged)
            change(task, [](Record& it) { it.run.stage = RunStage::kSubmitting; });
        return;
    case RunStage::kSubmitting:
        if (record.asked_site)
            find_again(task);
        else if (record.withdrawal != Withdrawal::kNone)
            finish(task, {0, SIGTERM, false, false, ""});
        else
            submit(task);
        return;
    case RunStage::kInDoubt:
        find_again(task);
        return;
    case RunStage::kWithdrawing:
        withdraw(task);
        return;
    case RunStage::kFetching:
        if (record.fetched && record.outcome) finish(task, *record.outcome);
        return;
    default:
        return;
    }
}

void SiteWorker::submit(Task& task) {
    if (!task.live.luggage) return;  // its relay has not come back yet
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return note(credentials.error());
    // From here on the site may know it: noted first.
    if (!change(task, [](Record& it) {
            it.asked_site = true;
            if (!it.run.asked) it.run.asked = now();
        }))
        return;
    const auto order = make_order(task.record, task.live.local, *task.live.luggage, connection_);
    const auto id = checked(task.record.run.remote_user, client_.submit(*credentials, order));
    if (id)
        submitted(task, *id, "sent to");
    else
        submission_failed(task, id.error());
}

void SiteWorker::submitted(Task& task, std::uint32_t id, const char* how) {
    change(task, [&](Record& it) {
        it.run.remote_id = id;
        it.run.stage = RunStage::kWaiting;
        it.waiting_since = now();
        board_.say(it, std::string(how) + " " + name() + " as job " + std::to_string(id) + " of " +
                           it.run.remote_user);
    });
}

void SiteWorker::submission_failed(Task& task, const rest::Failure& failure) {
    if (may_have_acted(failure)) return later(task, kTwoLooks);  // looked for by its name then
    {
        const std::scoped_lock hold(board_.lock());
        board_.site(name()).failures.push_back(Clock::now());
    }
    const bool final = failure.trouble == rest::Trouble::kRefused;
    change(task, [&](Record& it) {
        it.asked_site = false;
        if (!final) return;
        it.withdrawal = Withdrawal::kRefused;
        board_.say(it, name() + " does not take it: " + failure.message);
    });
    later(task, rest_after(++task.live.troubles));
}

// Whether a copy of that name is at the site. Only a whole list says that there is none, and only the second
// one, some seconds later: the first submission may still be on its way.
void SiteWorker::find_again(Task& task) {
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return note(credentials.error());
    const auto jobs = checked(task.record.run.remote_user, client_.jobs(*credentials));
    if (!jobs) return later(task, rest_after(++task.live.troubles));
    const rest::Job* first = nullptr;
    for (const rest::Job& job : *jobs) {
        if (job.name != task.record.name || job.user != task.record.run.remote_user) continue;
        if (first == nullptr) {
            first = &job;
        } else {
            spdlog::warn("job {}: {} has it twice, as {} and {}; the second is withdrawn",
                         task.record.run.label, name(), first->id, job.id);
            static_cast<void>(client_.cancel(*credentials, job.id));
        }
    }
    if (first != nullptr) {
        submitted(task, first->id, "found again at");
        return;
    }
    bool again = false;
    {
        const std::scoped_lock hold(board_.lock());
        again = ++board_.live(task.record.run.job.value).troubles >= 2;
    }
    if (!again) return later(task, kTwoLooks);
    change(task, [](Record& it) {
        it.asked_site = false;
        it.run.stage = RunStage::kSubmitting;
    });
}

void SiteWorker::withdraw(Task& task) {
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return note(credentials.error());
    const auto& account = task.record.run.remote_user;
    const auto job = checked(account, client_.job(*credentials, task.record.run.remote_id));
    if (!job && job.error().trouble != rest::Trouble::kNotFound)
        return later(task, rest_after(++task.live.troubles));
    if (!job) return finish(task, {0, SIGTERM, false, false, ""});
    if (rest::ended(job->state)) {
        change(task, [&](Record& it) {
            it.run.started = job->started ? job->started : it.run.started;
            it.run.ended = job->ended ? job->ended : now();
            it.run.stage = RunStage::kFetching;
            it.outcome = Outcome{0, SIGTERM, false, false, ""};
        });
        return;
    }
    if (job->state == rest::State::kCompleting) return later(task, kWatch);
    static_cast<void>(checked(account, client_.cancel(*credentials, task.record.run.remote_id)));
    later(task, troubles_ == 0 ? milliseconds(500) : milliseconds(kCancelAgain));
}

void SiteWorker::pass_signals(Task& task) {
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return;
    for (const int number : task.live.signals) {
        if (!checked(task.record.run.remote_user,
                     client_.cancel(*credentials, task.record.run.remote_id, signal_name(number))))
            return;
        const std::scoped_lock hold(board_.lock());
        board_.live(task.record.run.job.value).signals.erase(number);
    }
}

// All copies that wait or run, asked for account by account.
void SiteWorker::watch(std::vector<Task>& tasks) {
    std::map<std::string, std::vector<Task*>> accounts;
    for (Task& task : tasks) {
        if (task.record.withdrawal != Withdrawal::kNone) {
            change(task, [](Record& it) { it.run.stage = RunStage::kWithdrawing; });
            continue;
        }
        if (!task.live.signals.empty()) pass_signals(task);
        accounts[task.record.run.remote_user].push_back(&task);
    }
    for (auto& [account, owned] : accounts) {
        if (Clock::now() < next_try_) return;
        auto credentials = who(account);
        if (!credentials) return note(credentials.error());
        std::vector<std::uint32_t> ids;
        ids.reserve(owned.size());
        for (const Task* task : owned) ids.push_back(task->record.run.remote_id);
        const auto states = checked(account, client_.states(*credentials, ids));
        if (!states) continue;
        for (Task* task : owned) {
            const auto state = std::ranges::find(*states, task->record.run.remote_id, &rest::JobState::id);
            const bool waiting = state != states->end() && state->state == rest::State::kPending;
            const bool as_known =
                state != states->end() && task->record.run.started && !rest::ended(state->state);
            if (waiting)
                waits(*task);
            else if (!as_known)
                look(*task);
            later(*task, owned.size() > kMany ? kSlowWatch : kWatch);
        }
    }
}

void SiteWorker::look(Task& task) {
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return note(credentials.error());
    const auto job =
        checked(task.record.run.remote_user, client_.job(*credentials, task.record.run.remote_id));
    if (job)
        seen(task, *job);
    else if (job.error().trouble == rest::Trouble::kNotFound)
        lost(task);
}

// A copy that waits there for too long comes back, if its local job may be requeued.
void SiteWorker::waits(Task& task) {
    const auto since = task.record.waiting_since.value_or(now());
    if (now() - since <= site_.max_remote_wait || !task.live.local.requeueable) return;
    change(task, [&](Record& it) {
        it.withdrawal = Withdrawal::kWaitedLong;
        board_.say(it, "waited at " + name() + " for longer than " + weir::to_text(site_.max_remote_wait) +
                           "; it comes back");
    });
}

void SiteWorker::seen(Task& task, const rest::Job& job) {
    if (job.started && !task.record.run.started) {
        change(task, [&](Record& it) {
            it.run.started = job.started;
            it.run.stage = RunStage::kRunning;
            SiteState& state = board_.site(name());
            state.waits.push_back(*job.started - it.waiting_since.value_or(*job.started));
            if (state.waits.size() > kRememberWaits) state.waits.pop_front();
            board_.say(it, "runs at " + name() + " on " + (job.nodes.empty() ? "a node" : job.nodes));
        });
    }
    auto outcome = outcome_of(job, name());
    if (!outcome) return;
    change(task, [&](Record& it) {
        it.run.started = job.started ? job.started : it.run.started;
        it.run.ended = job.ended ? job.ended : now();
        it.run.stage = RunStage::kFetching;
        it.outcome = outcome;
    });
}

// The site does not know a copy that it had taken.
void SiteWorker::lost(Task& task) {
    const bool ran = task.record.run.started.has_value();
    change(task, [&](Record& it) {
        it.run.ended = now();
        it.run.stage = RunStage::kFetching;
        it.outcome = Outcome{1, 0, false, !ran,
                             name() + " no longer knows job " + std::to_string(it.run.remote_id) +
                                 (ran ? "; how it ended cannot be told" : "; it never started there")};
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
        board_.live(job).next_ask = Clock::now() + kTwoLooks;
        return;
    }
    spdlog::info("job {}: over at {} as job {}", record.run.label, name(), record.run.remote_id);
}

void SiteWorker::probe() {
    if (site_.users.empty()) return;
    const std::string& account = site_.users.begin()->second;
    auto credentials = who(account);
    if (!credentials) return note(credentials.error());
    const auto pinged = checked(account, client_.ping(*credentials));
    if (!pinged) return;
    const auto nodes = checked(account, client_.nodes(*credentials));
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

std::optional<Outcome> outcome_of(const rest::Job& job, const std::string& site) {
    using rest::State;
    if (!rest::ended(job.state)) return std::nullopt;
    const std::string at = " at " + site;
    switch (job.state) {
    case State::kCompleted:
    case State::kFailed:
        return Outcome{job.exit_code, job.signal, false, false, ""};
    case State::kTimeout:
        return Outcome{0, SIGTERM, true, false, "its time limit has ended it" + at};
    case State::kOutOfMemory:
        return Outcome{job.exit_code, job.signal != 0 ? job.signal : SIGKILL, false, false,
                       "out of memory" + at};
    case State::kCancelled:
        return Outcome{0, SIGTERM, false, false, "it was cancelled" + at};
    case State::kNodeFail:
    case State::kBootFail:
    case State::kPreempted:
        return Outcome{1, 0, false, true, std::string("ended") + at + " (" + rest::to_text(job.state) + ")"};
    default:
        return Outcome{1, 0, false, false, std::string("ended") + at + " (" + rest::to_text(job.state) + ")"};
    }
}

std::vector<SiteRoom> rooms_of(const std::vector<rest::Node>& nodes, const std::string& partition) {
    std::vector<SiteRoom> rooms;
    for (const rest::Node& node : nodes) {
        if (!node.usable) continue;
        if (!partition.empty() && !std::ranges::binary_search(node.partitions, partition)) continue;
        SiteRoom room{1, node.cpus - node.cpus_used, node.memory - node.memory_used, "", 0};
        for (const GpuPool& pool : node.gpus) {
            if (pool.total <= 0) continue;
            room.gpu_type = pool.type;
            room.gpus = pool.total - pool.used;
        }
        const auto same = std::ranges::find_if(rooms, [&](SiteRoom other) {
            other.nodes = 1;
            return other == room;
        });
        if (same != rooms.end())
            ++same->nodes;
        else
            rooms.push_back(room);
    }
    return rooms;
}

}  // namespace weir::gateway
