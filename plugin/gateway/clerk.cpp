// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/clerk.h"

#include <pwd.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

#include "plugin/job_submit/token.h"

namespace weir::gateway {
namespace {

std::string user_name(std::uint32_t uid) {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
    return found->pw_name;
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
    if (const auto why = unsendable(job, *guest.luggage); !why.empty())
        return failure(which + " cannot be sent: " + why);
    for (const policies::Site& one : sites_) {
        const bool all = std::ranges::all_of(
            job.nodes, [&](const std::string& node) { return std::ranges::binary_search(one.nodes, node); });
        if (all && !job.nodes.empty()) site = &one;
    }
    if (site == nullptr) return failure(which + " does not run on gateway nodes that this gateway serves");
    const auto token = job_submit::token::get(job.admin_comment, job_submit::token::kSite);
    const bool nominated = token && token->starts_with(site->name + "@");
    if (!nominated && !goes_on(job, site->name))
        return failure(
            which + " was not sent to " + site->name +
            " by Weir: a job comes there by --weir-overflow (man weir-sbatch), not by its partition");
    user = user_name(job.uid);
    if (!site->users.contains(user)) return failure("user " + user + " has no account at " + site->name);
    return {};
}

// Whether it has a copy at the site that it takes up again. Not so a copy that was given up, by a later run.
bool Clerk::goes_on(const LocalJob& job, const std::string& site) const {
    const std::scoped_lock hold(board_.lock());
    const Record* known = board_.records().find(job.id);
    return known != nullptr && known->site == site && same_job(*known, job) &&
           (!known->given_up() || known->run.restarts == job.restarts);
}

// A relay may say anything: what is not as agreed is refused, and holds up nobody else.
bool Clerk::serve_or_refuse(const Guest& guest) {
    try {
        return serve(guest);
    } catch (const nlohmann::json::exception& error) {
        spdlog::warn("a relay of uid {}: {}", guest.uid, error.what());
        refuse(guest.connection, std::string("the relay asks for what makes no sense: ") + error.what());
        return true;
    }
}

bool Clerk::serve(const Guest& guest) {
    const auto id = guest.asks.value("job", std::uint32_t{0});
    auto job = look_up(id);
    if (!job) {
        spdlog::warn("{}; its relay waits", job.error().message);
        return false;
    }
    if (job->uid != guest.uid) {
        spdlog::warn("refused: uid {} asks for job {}", guest.uid, id);
        refuse(guest.connection, "job " + std::to_string(id) + " is not yours; nothing of it was run");
        return true;
    }
    // This relay is of a run that is over, its slurmd perhaps lost; what becomes of the copy is not for it to
    // say.
    if (job->state == LocalState::kPending || job->state == LocalState::kRequeueing) return true;
    if (!job->batch_host.empty() && guest.asks.value("node", "") != job->batch_host) return true;
    // It may be on its way out already; what its relay got for a signal tells.
    if (over(job->state)) {
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
    const bool taken_up = goes_on(job, site.name);
    std::vector<std::string> left;
    const std::scoped_lock hold(board_.lock());
    if (const Record* known = board_.records().find(job.id)) {
        if (taken_up) return attach(guest, job, *known);
        // Something of before is still at a site: one copy at a time.
        if (!known->ended()) {
            withdraw(job.id, same_job(*known, job) ? Withdrawal::kRequeued : Withdrawal::kCancelled);
            return false;
        }
        // A late submission of it is to find that it has run.
        const bool litters = known->site == site.name && !may_yet_come(*known, now_in_seconds());
        if (const Live& live = board_.live(job.id); litters && !live.clean) left = litter(*known, live.lost);
        if (!board_.records().forget(job.id)) return false;
        timing_out_.erase(job.id);
    }
    const auto nomination = job_submit::token::get(job.admin_comment, job_submit::token::kSite);
    if (!nomination) return false;  // its copy was over before it could be taken up
    Record record;
    record.run.job = JobId{job.id};
    record.run.submitted = job.submitted;
    record.run.label = job.label;
    record.run.user = user;
    record.run.restarts = job.restarts;
    record.run.remote_user = site.users.at(user);
    record.run.gpus = job.gpus.empty() ? 0 : job.gpus.front() * job.node_count;
    record.run.gpu_type = job.gpu_type;
    record.run.account = job.account;
    record.site = site.name;
    record.uid = job.uid;
    // A relay that was served before, by a gateway that has lost its ledger, knows its copy's name.
    const std::string installation = nomination->substr(nomination->find('@') + 1);
    const std::string prefix = "weir." + installation + "." + std::to_string(job.id) + ".";
    const std::string told = guest.asks.value("name", "");
    // One that ran before, of which this ledger knows nothing, may have a copy from before the ledger was
    // lost.
    const bool may_be_there = board_.records().doubts(job.id, job.restarts);
    const bool tells = told.starts_with(prefix) && is_nonce(told.substr(prefix.size()));
    const bool sent_before = tells || may_be_there;
    if (sent_before) record.attempted = record.run.asked = job.started;
    if (const auto at_last = board_.records().sent_before(job.id); may_be_there && !tells && at_last)
        record.attempted = std::min(*at_last, job.started.value_or(*at_last));
    record.name = tells ? told : may_be_there ? prefix : with_nonce(prefix);
    record.arguments = words_at(guest.asks, "arguments");
    record.stage_in = words_at(guest.asks, "stage_in");
    record.stage_out = words_at(guest.asks, "stage_out");
    record.left = std::move(left);
    record.staged = record.stage_in.empty();
    record.run.stage = sent_before ? RunStage::kSubmitting : RunStage::kStaging;
    const auto connection = std::ranges::find(connections_, site.name, &config::SiteConnection::site);
    const std::string root = config::for_account(connection->root, record.run.remote_user);
    record.directory = root + "/";
    if (!guest.asks.value("one_output", true)) record.errors = record.directory;
    name_copy(record, record.name);
    board_.lives().erase(job.id);
    return attach(guest, job, record);
}

// Under the lock. Whether its record could be written: without one nothing is done for a job.
bool Clerk::attach(const Guest& guest, const LocalJob& job, Record record) {
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
        live.streams[i] = Stream{.read = at, .written = at};
    }
    if (record.ended() && record.withdrawal == Withdrawal::kNone && !again && !live.clean) {
        // It ended while no relay was there: what it said is brought once more.
        record.fetched = false;
        record.run.stage = RunStage::kFetching;
    }
    if (!board_.put(record)) return false;
    live.egress = std::max(live.egress, record.run.brought.value);
    // It may have left since it was let in.
    live.connection = counter_.present.contains(guest.connection) ? guest.connection : 0;
    live.heard = Clock::now();
    const bool is_sent = record.run.stage != RunStage::kStaging && record.run.stage != RunStage::kSubmitting;
    live.luggage = is_sent ? nullptr : guest.luggage;
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
    return true;
}

}  // namespace weir::gateway
