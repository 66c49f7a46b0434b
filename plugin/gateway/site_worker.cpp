// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/site_worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace weir::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kProbe{15};
constexpr std::size_t kInARound = 100;  // copies
constexpr seconds kLongestRest{30};     // after troubles in a row
constexpr seconds kCancelAgain{10};
constexpr seconds kWriteAgain{2};  // what could not be written down

milliseconds rest_after(int troubles) {
    const milliseconds rest{500L << std::min(troubles, 8)};
    return std::min<milliseconds>(rest, kLongestRest);
}

Outcome taken_back() {
    return {0, SIGTERM, false, false, ""};
}

// Whether its next step is the site's, not one of its files' or its relay's.
bool is_up_to_us(const Record& record, const Live& live) {
    const bool taken_back = record.withdrawal != Withdrawal::kNone;
    switch (record.run.stage) {
    case RunStage::kStaging:
        return record.staged || taken_back;
    case RunStage::kSubmitting:
        return record.attempted || taken_back || (live.luggage && live.connection != 0);
    case RunStage::kFetching:
        return record.fetched && record.outcome;
    default:
        return true;
    }
}

bool may_have_acted(const rest::Failure& failure) {
    return failure.trouble == rest::Trouble::kUnsure || failure.trouble == rest::Trouble::kGarbage;
}

}  // namespace

bool SiteWorker::change(Task& task, const std::function<void(Record&)>& apply) {
    const std::scoped_lock hold(board_.lock());
    const Record* current = board_.records().find(task.record.run.job.value);
    if (current == nullptr || current->name != task.record.name) return false;
    Record changed = *current;
    apply(changed);
    Live& live = board_.live(task.record.run.job.value);
    changed.run.brought = std::max(changed.run.brought, Bytes{live.egress});  // should this program be killed
    // A mover that waits for more output is not waited for.
    if (changed.run.stage != current->run.stage) live.next_move = {};
    if (!board_.put(changed)) {
        live.next_ask = Clock::now() + kWriteAgain;
        return false;
    }
    task.record = changed;
    return true;
}

void SiteWorker::later(const Task& task, milliseconds rest) {
    const std::scoped_lock hold(board_.lock());
    board_.live(task.record.run.job.value).next_ask = Clock::now() + rest;
}

void SiteWorker::later_each_time(const Task& task) {
    const std::scoped_lock hold(board_.lock());
    Live& live = board_.live(task.record.run.job.value);
    live.next_ask = Clock::now() + rest_after(live.troubles++);
}

rest::Answered<rest::Credentials> SiteWorker::who(const std::string& account) {
    auto token = tokens_.of(account);
    if (token) return rest::Credentials{account, *token};
    hold(account, token.error().message);
    return rest::failed(rest::Trouble::kUnauthorized, token.error().message);
}

void SiteWorker::not_answered(const std::string& account, const rest::Failure& failure) {
    using rest::Trouble;
    if (failure.trouble == Trouble::kRefused || failure.trouble == Trouble::kNotFound) return;
    failed_[account] = Clock::now();
    // Up to 23.11 a site does not tell a token that is no good from a Slurm that does not answer: if it makes
    // sense to others it is the token.
    const bool unclear = failure.perhaps_token || may_have_acted(failure);
    if (unclear) failing_.insert(account);
    const bool alone = unclear && failing_.size() == 1;
    const bool not_let_in = failure.trouble == Trouble::kUnauthorized;
    if (alone || not_let_in) tokens_.refused(account);
    if ((alone && site_.users.size() > 1) || not_let_in) {
        hold(account, failure.message);
        next_probe_ = {};
    } else {
        note(failure);
    }
}

void SiteWorker::hold(const std::string& account, const std::string& why) {
    Hold& it = holds_[account];
    it.until = Clock::now() + rest_after(it.troubles++);
    const std::scoped_lock locked(board_.lock());
    Complaint& complaint = board_.site(name()).accounts[account];
    if (complaint.text != why) spdlog::warn("site {}: {}", name(), why);
    complaint = {why, Clock::now()};
}

bool SiteWorker::on_hold(const std::string& account) const {
    const auto found = holds_.find(account);
    return found != holds_.end() && Clock::now() < found->second.until;
}

Clock::time_point SiteWorker::last_failed(const std::string& account) const {
    const auto found = failed_.find(account);
    return found != failed_.end() ? found->second : Clock::time_point{};
}

void SiteWorker::answered(const std::string& account) {
    troubles_ = 0;
    holds_.erase(account);
    failing_.clear();
    const std::scoped_lock hold(board_.lock());
    SiteState& state = board_.site(name());
    state.accounts.erase(account);
    if (!state.reachable) spdlog::info("site {} answers", name());
    state.reachable = true;
    state.problem.clear();
    state.at = now_in_seconds();
}

void SiteWorker::note(const rest::Failure& failure) {
    ++troubles_;
    next_try_ = Clock::now() + rest_after(troubles_);
    const std::scoped_lock hold(board_.lock());
    SiteState& state = board_.site(name());
    if (state.problem != failure.message) spdlog::warn("site {}: {}", name(), failure.message);
    state.reachable = false;
    state.problem = failure.message;
}

// What is due, those first that have been so for longest: a crowd is taken in turns, so that nobody waits for
// all of it.
std::vector<SiteWorker::Task> SiteWorker::due() {
    const std::scoped_lock hold(board_.lock());
    const auto now = Clock::now();
    std::vector<std::pair<const Record*, const Live*>> found;
    for (const auto& [job, record] : board_.records().all()) {
        if (record.site != name() || record.ended() || on_hold(record.run.remote_user)) continue;
        const Live& live = board_.live(job);
        if (live.next_ask <= now && is_up_to_us(record, live)) found.emplace_back(&record, &live);
    }
    std::ranges::stable_sort(found, {}, [](const auto& one) { return one.second->next_ask; });
    if (found.size() > kInARound) found.resize(kInARound);
    std::vector<Task> tasks;
    tasks.reserve(found.size());
    for (const auto& [record, live] : found) tasks.push_back({*record, *live});
    return tasks;
}

void SiteWorker::round() {
    if (Clock::now() < next_try_) return;
    // Account by account, those that failed last at the end: whoever fails holds up nobody else.
    std::map<std::pair<Clock::time_point, std::string>, std::vector<Task>> accounts;
    for (Task& task : due()) {
        const std::string& account = task.record.run.remote_user;
        accounts[{last_failed(account), account}].push_back(std::move(task));
    }
    for (auto& [which, tasks] : accounts) visit(which.second, tasks);
    if (Clock::now() >= next_probe_ && Clock::now() >= next_try_) {
        next_probe_ = Clock::now() + kProbe;
        probe();
    }
}

// All that is due for one account.
void SiteWorker::visit(const std::string& account, std::vector<Task>& tasks) {
    std::vector<Task> watched;
    for (Task& task : tasks) {
        if (Clock::now() < next_try_ || on_hold(account)) return;
        const RunStage stage = task.record.run.stage;
        if (stage == RunStage::kWaiting || stage == RunStage::kRunning)
            watched.push_back(std::move(task));
        else
            step(task);
    }
    if (Clock::now() >= next_try_ && !on_hold(account)) watch(account, watched);
}

void SiteWorker::step(Task& task) {
    Record& record = task.record;
    switch (record.run.stage) {
    case RunStage::kStaging:
        if (record.withdrawal != Withdrawal::kNone)
            finish(task, taken_back());
        else if (record.staged && change(task, [](Record& it) { it.run.stage = RunStage::kSubmitting; }))
            step(task);
        return;
    case RunStage::kSubmitting:
        if (record.attempted)
            find_again(task);
        else if (record.withdrawal != Withdrawal::kNone)
            finish(task, taken_back());
        else
            submit(task);
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
    // Its relay has not come back yet, or its job is about to end.
    if (!task.live.luggage || task.live.connection == 0) return;
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return;
    // From here on the site may know it: noted first.
    if (!change(task, [](Record& it) {
            it.attempted = now_in_seconds();
            if (!it.run.asked) it.run.asked = now_in_seconds();
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
    {
        const std::scoped_lock hold(board_.lock());
        Live& live = board_.live(task.record.run.job.value);
        live.troubles = 0;
        live.missed.reset();
        live.luggage.reset();  // scripts may be large
    }
    change(task, [&](Record& it) {
        it.run.remote_id = id;
        it.run.stage = RunStage::kWaiting;
        it.waiting_since = now_in_seconds();
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
        it.attempted.reset();
        if (!final) return;
        it.withdrawal = Withdrawal::kRefused;
        board_.say(it, name() + " does not take it: " + failure.message);
    });
    later_each_time(task);
}

// Whether a copy of that name is at the site. Only a whole list says that there is none, and only the second
// one, some seconds later, once no proxy has the submission still on its way. Once so much time has gone by
// that the site may have forgotten a job that ended, it is not made again: it may have run.
void SiteWorker::find_again(Task& task) {
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return;
    const auto jobs = checked(task.record.run.remote_user, client_.jobs(*credentials));
    if (!jobs) return later_each_time(task);
    const rest::Job* first = nullptr;
    for (const rest::Job& job : *jobs) {
        if (!is_copy(task.record, job)) continue;
        if (first == nullptr) {
            first = &job;
        } else {
            spdlog::warn("job {}: {} has it twice, as {} and {}; the second is withdrawn",
                         task.record.run.label, name(), first->id, job.id);
            static_cast<void>(client_.cancel(*credentials, job.id));
        }
    }
    if (first != nullptr) {
        change(task, [&](Record& it) { name_copy(it, first->name); });
        submitted(task, first->id, "found again at");
        return;
    }
    bool first_look = false;
    {
        const std::scoped_lock hold(board_.lock());
        auto& missed = board_.live(task.record.run.job.value).missed;
        first_look = !missed;
        if (first_look) missed = Clock::now();
    }
    const auto since = now_in_seconds() - *task.record.attempted;
    if (first_look || since < kMayArrive) return later(task, kTwoLooks);
    const bool surely_listed = task.record.name.ends_with('.') || since < kSurelyListed;
    change(task, [&](Record& it) {
        if (surely_listed) {
            it.attempted.reset();
            it.doubted = true;
            if (it.name.ends_with('.')) name_copy(it, with_nonce(it.name));
            // It may have been taken for sent by its relay's word alone.
            if (!it.staged) it.run.stage = RunStage::kStaging;
            return;
        }
        it.run.stage = RunStage::kFetching;
        it.fetched = true;
        it.outcome =
            Outcome{1,
                    0,
                    false,
                    true,
                    "whether it ran at " + name() + " cannot be told: its submission was not answered, and " +
                        name() + " lists no such job any more",
                    true};
    });
}

void SiteWorker::withdraw(Task& task) {
    auto credentials = who(task.record.run.remote_user);
    if (!credentials) return;
    const auto& account = task.record.run.remote_user;
    const auto job = copy_of(task, *credentials);
    if (!job && job.error().trouble != rest::Trouble::kNotFound) return later_each_time(task);
    if (!job) return finish(task, taken_back());
    if (rest::ended(job->state)) {
        change(task, [&](Record& it) {
            it.run.started = job->started ? job->started : it.run.started;
            it.run.ended = job->ended ? job->ended : now_in_seconds();
            it.run.stage = RunStage::kFetching;
            it.outcome = taken_back();
        });
        return;
    }
    if (job->state == rest::State::kCompleting) return later(task, seconds(1));
    static_cast<void>(checked(account, client_.cancel(*credentials, task.record.run.remote_id)));
    later(task, troubles_ == 0 ? milliseconds(500) : milliseconds(kCancelAgain));
}

}  // namespace weir::gateway
