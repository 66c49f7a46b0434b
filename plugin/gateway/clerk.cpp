// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/clerk.h"

#include <pwd.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <random>

#include "plugin/job_submit/token.h"
#include "plugin/slurm/command.h"

namespace weir::gateway {
namespace {

using std::chrono::seconds;

constexpr seconds kLook{3};          // between two looks at the local job of a copy without a relay
constexpr seconds kSilence{12};      // of a relay, before its job is looked at
constexpr seconds kGrace{10};        // for relays to come back after the gateway's start
constexpr seconds kUnknownFor{600};  // that Slurm does not know a job it was not seen to end
constexpr seconds kTimeOut{120};     // for Slurm to end a job whose copy ran out of time

std::string user_name(std::uint32_t uid) {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
    return found->pw_name;
}

// Eight hexadecimal digits that nobody can foresee.
std::string nonce() {
    std::random_device source;
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (std::uint32_t value = source(); text.size() < 8; value >>= 4) text += kDigits[value & 15];
    return text;
}

std::int64_t number_at(const nlohmann::json& asks, const char* key, std::size_t index) {
    const auto found = asks.find(key);
    if (found == asks.end() || !found->is_array() || found->size() <= index ||
        !(*found)[index].is_number_integer())
        return 0;
    return std::max(std::int64_t{0}, (*found)[index].get<std::int64_t>());
}

std::vector<std::string> words_at(const nlohmann::json& asks, const char* key) {
    std::vector<std::string> words;
    const auto found = asks.find(key);
    if (found == asks.end() || !found->is_array()) return words;
    for (const auto& word : *found)
        if (word.is_string()) words.push_back(word.get<std::string>());
    return words;
}

// Whether a job is the one that a copy was sent for: job ids are given out again once Slurm has lost its
// state. A requeue counts as a new submission.
bool same_job(const Record& record, const LocalJob& job) {
    return job.id == record.run.job.value && job.uid == record.uid && job.restarts >= record.run.restarts &&
           (job.restarts == record.run.restarts ? job.submitted == record.run.submitted
                                                : job.submitted >= record.run.submitted);
}

bool over(LocalState state) {
    return state == LocalState::kEnded || state == LocalState::kEnding;
}

}  // namespace

void Clerk::refuse(std::uint64_t connection, const std::string& why) {
    const std::scoped_lock hold(board_.lock());
    board_.letters().emplace_back(connection, Letter{{{"do", "refused"}, {"said", why}}, {}});
    board_.wake();
}

// Whether a guest's job may be sent, to where, and whose it is.
Result<void> Clerk::check(const Guest& guest, const LocalJob& job, const policies::Site*& site,
                          std::string& user) const {
    const std::string which = "job " + std::to_string(job.id);
    if (job.state == LocalState::kGone || job.uid != guest.uid) return failure(which + " is not yours");
    if (const auto why = unsendable(job); !why.empty()) return failure(which + " cannot be sent: " + why);
    for (const policies::Site& one : sites_) {
        const bool all = std::ranges::all_of(
            job.nodes, [&](const std::string& node) { return std::ranges::binary_search(one.nodes, node); });
        if (all && !job.nodes.empty()) site = &one;
    }
    if (site == nullptr) return failure(which + " does not run on gateway nodes that this gateway serves");
    const auto token = job_submit::token::get(job.admin_comment, "site");
    if (!token || !token->starts_with(site->name + "@"))
        return failure(
            which + " was not sent to " + site->name +
            " by Weir: a job comes there by --weir-overflow (man weir-sbatch), not by its partition");
    user = user_name(job.uid);
    if (!site->users.contains(user)) return failure("user " + user + " has no account at " + site->name);
    return {};
}

bool Clerk::serve(const Guest& guest) {
    const auto id = guest.asks.value("job", std::uint32_t{0});
    auto job = look_up(id);
    if (!job) {
        spdlog::warn("{}; its relay waits", job.error().message);
        return false;
    }
    // It may be on its way out already; what its relay got for a signal tells.
    if (over(job->state) || job->state == LocalState::kPending || job->state == LocalState::kRequeueing) {
        const std::scoped_lock hold(board_.lock());
        if (board_.records().find(id) == nullptr) return true;
    }
    const policies::Site* site = nullptr;
    std::string user;
    if (auto allowed = check(guest, *job, site, user); !allowed) {
        spdlog::warn("refused: {}", allowed.error().message);
        refuse(guest.connection, allowed.error().message + "; nothing of it was run");
        return true;
    }
    return admit(guest, *job, *site, user);
}

bool Clerk::admit(const Guest& guest, const LocalJob& job, const policies::Site& site,
                  const std::string& user) {
    const std::scoped_lock hold(board_.lock());
    if (const Record* known = board_.records().find(job.id)) {
        const bool same = same_job(*known, job) && known->site == site.name;
        const bool taken_back = known->withdrawal != Withdrawal::kNone;
        const bool goes_on = same && (!taken_back || known->run.restarts == job.restarts);
        if (goes_on) {
            attach(guest, job, *known);
            return true;
        }
        // Something of before is still at a site: one copy at a time.
        if (!known->ended()) {
            if (!taken_back) withdraw(job.id, same ? Withdrawal::kRequeued : Withdrawal::kCancelled);
            return false;
        }
        if (!board_.records().forget(job.id)) return false;
    }
    Record record;
    record.run.job = JobId{job.id};
    record.run.submitted = job.submitted;
    record.run.label = job.label;
    record.run.user = user;
    record.run.restarts = job.restarts;
    record.run.remote_user = site.users.at(user);
    record.run.gpus = job.gpus.empty() ? 0 : job.gpus.front() * job.node_count;
    record.run.gpu_type = job.gpu_type;
    record.site = site.name;
    record.uid = job.uid;
    record.token = *job_submit::token::get(job.admin_comment, "site");
    // A relay that was served before, by a gateway that has lost its ledger, knows its copy's name.
    const std::string installation = record.token.substr(record.token.find('@') + 1);
    const std::string prefix = "weir." + installation + "." + std::to_string(job.id) + ".";
    const std::string told = guest.asks.value("name", "");
    record.asked_site = told.starts_with(prefix);
    record.name = record.asked_site ? told : prefix + nonce();
    record.local_directory = guest.asks.value("directory", "");
    record.arguments = words_at(guest.asks, "arguments");
    record.stage_in = words_at(guest.asks, "stage_in");
    record.stage_out = words_at(guest.asks, "stage_out");
    record.staged = record.stage_in.empty();
    record.run.stage = record.asked_site ? RunStage::kSubmitting : RunStage::kStaging;
    const auto connection = std::ranges::find(connections_, site.name, &config::SiteConnection::site);
    const std::string root = config::for_account(connection->root, record.run.remote_user);
    record.directory = root + "/" + record.name;
    record.output = record.directory + ".out";
    if (!guest.asks.value("one_output", true)) record.errors = record.directory + ".err";
    board_.lives().erase(job.id);
    attach(guest, job, record);
    return true;
}

// Under the lock.
void Clerk::attach(const Guest& guest, const LocalJob& job, Record record) {
    Live& live = board_.live(job.id);
    const bool again = guest.asks.value("again", false);
    const bool append = guest.asks.value("append", false);
    record.run.restarts = job.restarts;
    record.run.submitted = job.submitted;
    for (std::size_t i = 0; i < live.streams.size(); ++i) {
        // The same relay goes on where it stands; one of a later start where the one before stopped, if it
        // appends.
        const std::int64_t at = again    ? number_at(guest.asks, "written", i)
                                : append ? record.delivered[i]
                                         : 0;
        live.streams[i] = Stream{at, at, false, 0, {}};
    }
    if (record.ended() && record.withdrawal == Withdrawal::kNone && !again && !live.clean) {
        // It ended while no relay was there: what it said is brought once more.
        record.fetched = false;
        record.run.stage = RunStage::kFetching;
    }
    if (!board_.put(record)) return;
    live.connection = guest.connection;
    live.heard = Clock::now();
    live.luggage = guest.luggage;
    live.local = job;
    live.told_done = false;
    live.pinned = false;
    live.gone.reset();
    board_.post(job.id, {{"do", "welcome"},
                         {"name", record.name},
                         {"output", live.streams[0].read},
                         {"errors", live.streams[1].read}});
    if (!record.run.said.empty() && !again) board_.post(job.id, {{"do", "say"}, {"text", record.run.said}});
    for (const auto number : guest.asks.value("signals", std::vector<int>()))
        counter_.alarms.push_back({job.id, number});
}

// What a signal to a relay means depends on what Slurm is doing with its job. Whether that is known now.
bool Clerk::heed(const Alarm& alarm) {
    if (alarm.number != SIGTERM) {
        const std::scoped_lock hold(board_.lock());
        board_.live(alarm.job).signals.insert(alarm.number);
        return true;
    }
    const auto job = look_up(alarm.job);
    if (!job) return false;
    const std::scoped_lock hold(board_.lock());
    switch (job->state) {
    case LocalState::kRunning:
    case LocalState::kSuspended:
        board_.live(alarm.job).signals.insert(alarm.number);
        break;
    case LocalState::kRequeueing:
        withdraw(alarm.job, Withdrawal::kRequeued);
        break;
    case LocalState::kPending:
        break;  // its node was lost, and this relay is of before: the next one takes over
    default:
        withdraw(alarm.job, Withdrawal::kCancelled);
    }
    return true;
}

// Under the lock.
void Clerk::withdraw(std::uint32_t job, Withdrawal why) {
    const Record* known = board_.records().find(job);
    if (known == nullptr || known->ended() || known->withdrawal != Withdrawal::kNone) return;
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
    next_look_.erase(job);
    timing_out_.erase(job);
}

// A copy that did not come to its end through no fault of its job: the job is requeued, for another place.
void Clerk::bring_home(const Record& record, const LocalJob& job) {
    if (job.state != LocalState::kRunning || job.restarts != record.run.restarts) return;
    if (auto done = slurm::requeue_job(job.label); !done) spdlog::warn("{}", done.error().message);
}

// A job that lost its gateway node while its copy goes on: it may start nowhere but here, and soon.
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
    spdlog::info("job {}: lost its node; its copy at {} goes on, and it takes that up again", job.label,
                 record.site);
    const std::scoped_lock hold(board_.lock());
    board_.live(job.id).pinned = true;
}

// What is to be done about a copy whose end is known, or whose relay is gone.
void Clerk::settle(const Record& record, const LocalJob& job) {
    Live live;
    {
        const std::scoped_lock hold(board_.lock());
        live = board_.live(job.id != 0 ? job.id : record.run.job.value);
    }
    const bool comes_home = record.withdrawal == Withdrawal::kWaitedLong ||
                            (record.withdrawal == Withdrawal::kRefused && job.requeueable) ||
                            (record.outcome && record.outcome->requeue && job.requeueable);
    if (record.ended() && comes_home) bring_home(record, job);
    const bool same = same_job(record, job);
    if (!same || job.state == LocalState::kGone || over(job.state) ||
        (job.state == LocalState::kPending && record.withdrawal != Withdrawal::kNone)) {
        if (record.ended() && live.clean && job.state != LocalState::kEnding)
            return forget(record.run.job.value);
    }
    if (record.ended()) return;
    const std::scoped_lock hold(board_.lock());
    if (over(job.state)) withdraw(record.run.job.value, Withdrawal::kCancelled);
    if (job.state == LocalState::kRunning && same && job.restarts != record.run.restarts) {
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
        pinned = live.pinned;
        if (over(job->state)) live.seen_ended = true;
        if (job->state != LocalState::kGone) live.gone.reset();
        if (job->state == LocalState::kGone && !live.seen_ended) {
            // A Slurm that has lost its jobs must not take their copies with it.
            if (!live.gone) live.gone = Clock::now();
            if (Clock::now() - *live.gone < kUnknownFor) return;
            live.seen_ended = true;
            withdraw(id, Withdrawal::kCancelled);
            return;
        }
    }
    if (attached && job->state == LocalState::kSuspended) {
        // Slurm stops the relay and knows nothing of the copy, which runs on: said, and taken back.
        if (auto done = slurm::resume_job(job->label); !done) spdlog::warn("{}", done.error().message);
        const std::scoped_lock hold(board_.lock());
        board_.say(record, "it cannot be suspended while it runs at " + record.site + "; it runs on");
    }
    const bool lost_node = !attached && job->state == LocalState::kPending && !record.ended() && !pinned &&
                           record.withdrawal == Withdrawal::kNone && same_job(record, *job) &&
                           job->restarts > record.run.restarts;
    if (lost_node) await_return(record, *job);
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
                              {"said", record.outcome->said}});
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
        for (const auto& [job, record] : board_.records().all()) {
            const Live& live = board_.live(job);
            const bool silent =
                live.connection == 0 ? Clock::now() - began_ > kGrace : Clock::now() - live.heard > kSilence;
            const bool due = silent || record.ended();
            if (due && next_look_[job] <= Clock::now()) looks.push_back(job);
        }
    }
    std::deque<Guest> again;
    for (const Guest& guest : guests)
        if (!serve(guest)) again.push_back(guest);
    std::deque<Alarm> unheeded;
    for (const Alarm& alarm : alarms)
        if (!heed(alarm)) unheeded.push_back(alarm);
    for (const std::uint32_t job : looks) {
        next_look_[job] = Clock::now() + kLook;
        look_after(job);
    }
    tell_ends();
    const std::scoped_lock hold(board_.lock());
    counter_.guests.insert(counter_.guests.end(), again.begin(), again.end());
    counter_.alarms.insert(counter_.alarms.end(), unheeded.begin(), unheeded.end());
}

}  // namespace weir::gateway
