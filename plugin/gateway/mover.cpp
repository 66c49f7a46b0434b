// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/mover.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "plugin/config/secret.h"

namespace weir::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kChunk = 256 << 10;  // of output at a time
constexpr milliseconds kFirstPause{500};    // between two looks for more output
constexpr milliseconds kLongestPause{10'000};
constexpr seconds kTroubleRest{2};
constexpr seconds kFullRest{5};
constexpr int kQuietEnd = 3;  // looks without news after which the output of a copy that has ended is whole

milliseconds pause_after(int quiet) {
    return std::min(kLongestPause, kFirstPause * (1 << std::min(quiet, 5)));
}

// The same trouble has other figures each time.
std::string without_figures(std::string text) {
    std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
    return text;
}

}  // namespace

bool worth_trying_again(const Error& error) {
    return error.code == net::kSftpLink || error.code == net::kSftpHostKey || error.code == net::kSftpLogin ||
           error.code == net::kSftpFull;
}

bool stays_inside(const std::string& name) {
    if (name.empty() || name.starts_with('/') || name.find('\0') != std::string::npos) return false;
    return std::ranges::none_of(std::filesystem::path(name), [](const auto& part) { return part == ".."; });
}

// A change of a record that is still of the same copy.
void Mover::change(Task& task, const std::function<void(Record&)>& apply) {
    const std::scoped_lock hold(board_.lock());
    const Record* current = board_.records().find(task.record.run.job.value);
    if (current == nullptr || current->name != task.record.name) return;
    Record changed = *current;
    apply(changed);
    if (board_.put(changed)) task.record = changed;
}

// Whether files of that copy could be moved now.
bool Mover::wanted(const Record& record, const Live& live) const {
    const bool attached = live.connection != 0;
    switch (record.run.stage) {
    case RunStage::kStaging:
        return !quick_ && attached && !record.staged && record.withdrawal == Withdrawal::kNone;
    case RunStage::kRunning:
    case RunStage::kWithdrawing:
        return attached;
    case RunStage::kFetching:
        return !record.fetched && (attached || record.withdrawal != Withdrawal::kNone) &&
               (!quick_ || !live.streams[0].at_end || !live.streams[1].at_end);
    case RunStage::kFinished:
        // Not as soon as its relay has all of it: Slurm may not have heard of the end, and start the job
        // again with its output emptied.
        // And what a submission that comes late would find says that it is not to run any more.
        return !quick_ && !live.clean && (live.seen_ended || record.given_up()) &&
               !may_yet_come(record, now_in_seconds());
    default:
        return false;
    }
}

std::optional<Mover::Task> Mover::take() {
    const std::scoped_lock hold(board_.lock());
    const Record* best = nullptr;
    Live* of_best = nullptr;
    for (const auto& [job, record] : board_.records().all()) {
        if (record.site != site_.site) continue;
        Live& live = board_.live(job);
        if (live.moving || live.next_move > Clock::now() || !wanted(record, live)) continue;
        if (best != nullptr && of_best->next_move <= live.next_move) continue;
        best = &record;
        of_best = &live;
    }
    if (best == nullptr) return std::nullopt;
    of_best->moving = true;
    return Task{*best, of_best->streams, of_best->brought, of_best->connection != 0, of_best->lost};
}

// Whether nobody has taken the copy back since the task was taken.
bool Mover::still_wanted(const Task& task) {
    const std::scoped_lock hold(board_.lock());
    const Record* current = board_.records().find(task.record.run.job.value);
    return current != nullptr && current->name == task.record.name &&
           current->withdrawal == task.record.withdrawal;
}

void Mover::put_back(std::uint32_t job, RunStage taken, milliseconds rest) {
    const std::scoped_lock hold(board_.lock());
    Live& live = board_.live(job);
    live.moving = false;
    const Record* now = board_.records().find(job);
    const bool ended_meanwhile = taken == RunStage::kRunning && now != nullptr && now->run.stage != taken;
    live.next_move = ended_meanwhile ? Clock::time_point{} : Clock::now() + rest;
}

bool Mover::round() {
    auto task = take();
    if (!task) return false;
    const RunStage stage = task->record.run.stage;
    milliseconds rest{0};
    if (auto safe = check_key(task->record.run.remote_user); !safe) {
        tell_trouble(*task, safe.error());
        put_back(task->record.run.job.value, stage, kTroubleRest);
        return true;
    }
    switch (stage) {
    case RunStage::kStaging:
        stage_in(*task);
        rest = kTroubleRest;
        break;
    case RunStage::kFinished:
        clean(*task);
        rest = kTroubleRest;
        break;
    default:
        if (bring_output(*task) && stage == RunStage::kFetching) {
            if (!quick_) {
                stage_out(*task);
                rest = task->record.fetched ? kFirstPause : milliseconds(kFullRest);
            }
        } else {
            const auto least = std::min(task->streams[0].quiet, task->streams[1].quiet);
            rest = stage == RunStage::kFetching ? milliseconds(50) : pause_after(least);
        }
    }
    put_back(task->record.run.job.value, stage, rest);
    return true;
}

// Whether nobody else can have an account's key.
Result<void> Mover::check_key(const std::string& account) const {
    auto safe = config::check_secret(config::for_account(site_.key_file, account));
    if (!safe) return failure(safe.error().message, net::kSftpLogin);
    return {};
}

net::Sftp& Mover::sftp(const std::string& account) {
    const auto found = connections_.find(account);
    if (found != connections_.end()) return found->second;
    return connections_
        .emplace(account, net::Sftp({site_.sftp_host, site_.sftp_port, account,
                                     config::for_account(site_.key_file, account), site_.host_key_sha256}))
        .first->second;
}

void Mover::tell_trouble(Task& task, const Error& error) {
    const std::scoped_lock hold(board_.lock());
    const Record* current = board_.records().find(task.record.run.job.value);
    // A full disk at home is no trouble of the site's.
    if (error.code != net::kSftpFull) board_.site(site_.site).files = {error.message, Clock::now()};
    if (current == nullptr ||
        !board_.live(current->run.job.value).told.insert(without_figures(error.message)).second)
        return;
    Record changed = *current;
    board_.say(changed, error.message);
    board_.put(changed);
}

// Files of that copy move, or do so again.
void Mover::moves(const Task& task) {
    const std::scoped_lock hold(board_.lock());
    board_.site(site_.site).files = {};
    board_.live(task.record.run.job.value).told.clear();
}

// The next piece of one output file. Whether all of it is here.
bool Mover::bring(Task& task, int number) {
    const auto index = static_cast<std::size_t>(number);
    const std::string& path = number == 0 ? task.record.output : task.record.errors;
    const bool over = task.record.run.stage == RunStage::kFetching;
    Stream stream = task.streams[index];
    if (path.empty() || stream.at_end || !task.attached) {
        stream.at_end = over;
        stream.quiet = kQuietEnd;
    } else if (stream.written == stream.read) {
        auto piece = sftp(task.record.run.remote_user).read(path, stream.read, kChunk);
        const bool moved = piece || piece.error().code == net::kSftpNoFile;
        if (moved) moves(task);
        if (!moved) {
            tell_trouble(task, piece.error());
            stream.quiet = std::max(stream.quiet, kQuietEnd);
        } else if (!piece || piece->empty()) {
            ++stream.quiet;
            stream.at_end = over && stream.quiet >= kQuietEnd;
        } else {
            stream.quiet = 0;
            count(task, static_cast<std::int64_t>(piece->size()));
            const std::scoped_lock hold(board_.lock());
            for (std::size_t at = 0; at < piece->size(); at += kMostBytes) {
                const std::string part = piece->substr(at, kMostBytes);
                board_.post(task.record.run.job.value,
                            {{"do", "output"}, {"stream", number}, {"offset", stream.read}}, part);
                stream.read += static_cast<std::int64_t>(part.size());
            }
        }
    }
    task.streams[index] = stream;
    const std::scoped_lock hold(board_.lock());
    Stream& kept = board_.live(task.record.run.job.value).streams[index];
    // A relay that came anew in between has set these to where it stands.
    if (kept.read <= stream.read) {
        kept.read = stream.read;
        kept.quiet = stream.quiet;
        kept.at_end = stream.at_end;
    }
    return stream.at_end;
}

bool Mover::bring_output(Task& task) {
    const bool first = bring(task, 0);
    const bool second = bring(task, 1);
    return first && second;
}

// What came from the site is charged for once it is over.
void Mover::count(const Task& task, std::int64_t bytes) {
    const std::scoped_lock hold(board_.lock());
    board_.live(task.record.run.job.value).egress += std::max(std::int64_t{0}, bytes);
}

// Takes away what the copy has left at the site.
void Mover::clean(Task& task) {
    bool done = true;
    const Record& record = task.record;
    const bool has_been_there = record.run.asked || !record.stage_in.empty();
    for (const std::string& path : {record.directory, record.output, record.errors}) {
        const bool kept = path == record.directory ? record.kept : task.lost;
        if (path.empty() || kept || !has_been_there) continue;
        auto removed = sftp(task.record.run.remote_user).remove(path);
        if (!removed) {
            spdlog::warn("job {}: {}", record.run.label, removed.error().message);
            done = !worth_trying_again(removed.error()) && done;
        }
    }
    const std::scoped_lock hold(board_.lock());
    board_.live(record.run.job.value).clean = done;
}

}  // namespace weir::gateway
