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

constexpr std::int64_t kChunk = 256 << 10;  // of output at a time
constexpr milliseconds kSettled{500};       // for its end to be noted
constexpr milliseconds kTroubleRest{2000};
constexpr milliseconds kFullRest{5000};

// Whether files are to come back, beside its output.
bool brings_back(const Record& record, bool attached) {
    return attached && record.withdrawal == Withdrawal::kNone && !record.stage_out.empty();
}

// The same trouble has other figures each time.
std::string without_figures(std::string text) {
    std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
    return text;
}

}  // namespace

bool worth_trying_again(const Error& error) {
    return error.code == net::kSftpLink || error.code == net::kSftpHostKey || error.code == net::kSftpLogin ||
           error.code == net::kSftpFull || error.code == kNoRelay;
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
    const bool attached = live.attached();
    switch (record.run.stage) {
    case RunStage::kStaging:
        return !quick_ && attached && !record.staged && record.withdrawal == Withdrawal::kNone;
    case RunStage::kRunning:
    case RunStage::kWithdrawing:
        return attached;
    case RunStage::kFetching:
        return !record.fetched && (attached || record.withdrawal != Withdrawal::kNone) &&
               (!quick_ || !live.streams[0].at_end || !live.streams[1].at_end ||
                !brings_back(record, attached));
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
    static std::atomic<std::uint64_t> last = 0;
    const std::scoped_lock hold(board_.lock());
    std::map<std::string, int> busy;  // movers of an account
    for (const auto& [job, record] : board_.records().all())
        if (const Live& live = board_.live(job); record.site == site_.site && live.moving != 0 && live.slowly)
            ++busy[record.run.remote_user];
    const Record* best = nullptr;
    Live* of_best = nullptr;
    for (const auto& [job, record] : board_.records().all()) {
        if (record.site != site_.site) continue;
        Live& live = board_.live(job);
        if (live.moving != 0 || live.next_move > Clock::now() || !wanted(record, live)) continue;
        if (!quick_ && busy[record.run.remote_user] >= kMostOfAccount) continue;
        if (best != nullptr && of_best->next_move <= live.next_move) continue;
        best = &record;
        of_best = &live;
    }
    if (best == nullptr) return std::nullopt;
    of_best->moving = ++last;
    of_best->slowly = !quick_;
    return Task{of_best->moving,     *best,          of_best->streams,
                of_best->brought,    of_best->begun, of_best->connection,
                of_best->attached(), of_best->lost,  kTroubleRest};
}

// Under the lock: what is known of the task's copy. Null once its job has another, in another mover's hands.
Live* Mover::mine(const Task& task) {
    const auto found = board_.lives().find(task.record.run.job.value);
    return found != board_.lives().end() && found->second.moving == task.number ? &found->second : nullptr;
}

// Whether nobody has taken the copy back since the task was taken.
bool Mover::still_wanted(const Task& task) {
    const std::scoped_lock hold(board_.lock());
    const Record* current = board_.records().find(task.record.run.job.value);
    return current != nullptr && current->name == task.record.name &&
           current->withdrawal == task.record.withdrawal;
}

void Mover::put_back(const Task& task) {
    const std::scoped_lock hold(board_.lock());
    Live* live = mine(task);
    if (live == nullptr) return;
    live->moving = 0;
    const Record* now = board_.records().find(task.record.run.job.value);
    const bool ended_meanwhile =
        task.record.run.stage == RunStage::kRunning && now != nullptr && now->run.stage != RunStage::kRunning;
    live->next_move = ended_meanwhile ? Clock::time_point{} : Clock::now() + task.rest;
}

bool Mover::round() {
    auto task = take();
    if (!task) return false;
    const Holding held(*this, *task);
    if (auto safe = check_key(task->record.run.remote_user); !safe)
        tell_trouble(*task, safe.error());
    else
        work(*task);
    return true;
}

void Mover::work(Task& task) {
    const RunStage stage = task.record.run.stage;
    if (stage == RunStage::kStaging) return stage_in(task);
    if (stage == RunStage::kFinished) return clean(task);
    const bool over = stage == RunStage::kFetching;
    if (!bring_output(task) || !over) {
        task.rest = rest_after(task.streams, over);
    } else if (quick_ && brings_back(task.record, task.attached)) {
        task.rest = milliseconds(0);
    } else {
        stage_out(task);
        task.rest = task.record.fetched ? kSettled : kFullRest;
    }
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
    if (error.code == kNoRelay) return;  // nobody to be told
    const std::scoped_lock hold(board_.lock());
    const Record* current = board_.records().find(task.record.run.job.value);
    // Neither a full disk at home nor what the user does with his files there is a trouble of the site's.
    if (worth_trying_again(error) && error.code != net::kSftpFull)
        board_.site(site_.site).files = {error.message, Clock::now()};
    Live* live = mine(task);
    if (current == nullptr || live == nullptr || !live->told.insert(without_figures(error.message)).second)
        return;
    Record changed = *current;
    board_.say(changed, error.message);
    board_.put(changed);
}

// Files of that copy move, or do so again.
void Mover::moves(const Task& task) {
    const std::scoped_lock hold(board_.lock());
    board_.site(site_.site).files = {};
    if (Live* live = mine(task)) live->told.clear();
}

// Looks for the next piece of one output file. Whether all of it is here.
bool Mover::bring(Task& task, int number) {
    const auto index = static_cast<std::size_t>(number);
    Stream& stream = task.streams[index];
    const std::string& path = number == 0 ? task.record.output : task.record.errors;
    const bool over = task.record.run.stage == RunStage::kFetching;
    std::string piece;
    if (path.empty() || !task.attached)
        note_none(stream, over);
    else if (!stream.at_end && stream.written == stream.read)
        piece = look(task, stream, path);
    const std::scoped_lock hold(board_.lock());
    Live* live = mine(task);
    // A relay that came anew in between has set the streams to where it stands, and gets nothing of this.
    if (live == nullptr || live->connection != task.connection) return false;
    for (std::size_t at = 0; at < piece.size(); at += kMostBytes) {
        const std::string part = piece.substr(at, kMostBytes);
        board_.post(task.record.run.job.value,
                    {{"do", "output"}, {"stream", number}, {"offset", stream.read}}, part);
        stream.read += static_cast<std::int64_t>(part.size());
    }
    stream.written = live->streams[index].written;
    live->streams[index] = stream;
    return stream.at_end;
}

std::string Mover::look(Task& task, Stream& stream, const std::string& path) {
    auto piece = sftp(task.record.run.remote_user).read(path, stream.read, kChunk);
    const bool over = task.record.run.stage == RunStage::kFetching;
    if (!piece && piece.error().code != net::kSftpNoFile) {
        tell_trouble(task, piece.error());
        note(stream, worth_trying_again(piece.error()) ? Seen::kTrouble : Seen::kRefused, over);
        return {};
    }
    moves(task);
    std::string found = piece ? std::move(*piece) : "";
    note(stream, found.empty() ? Seen::kNothing : Seen::kMore, over);
    count(task, static_cast<std::int64_t>(found.size()));
    return found;
}

bool Mover::bring_output(Task& task) {
    const bool first = bring(task, 0);
    const bool second = bring(task, 1);
    return first && second;
}

// What came from the site is charged for once it is over.
void Mover::count(const Task& task, std::int64_t bytes) {
    const std::scoped_lock hold(board_.lock());
    if (Live* live = mine(task)) live->egress += std::max(std::int64_t{0}, bytes);
}

// A file system may show the last lines later still: the output is left there then, all of it. Whether that
// is noted.
bool Mover::note_late_output(Task& task) {
    if (task.record.given_up() || task.record.output_kept || task.lost) return true;
    for (const std::size_t number : {0U, 1U}) {
        const std::string path = number == 0 ? task.record.output : task.record.errors;
        if (path.empty() || !task.streams[number].at_end) continue;
        const auto more = sftp(task.record.run.remote_user).read(path, task.streams[number].read, 1);
        if (!more || more->empty()) continue;
        change(task, [&](Record& it) {
            it.output_kept = true;
            board_.say(it, "its output has grown since it was brought; all of it is left at " + site_.site +
                               " in " + path);
        });
        return task.record.output_kept;
    }
    return true;
}

// Takes away what the copy has left at the site.
void Mover::clean(Task& task) {
    bool done = note_late_output(task);
    for (const std::string& path : done ? litter(task.record, task.lost) : std::vector<std::string>()) {
        auto removed = sftp(task.record.run.remote_user).remove(path);
        if (removed) continue;
        spdlog::warn("job {}: {}", task.record.run.label, removed.error().message);
        done = !worth_trying_again(removed.error()) && done;
    }
    const std::scoped_lock hold(board_.lock());
    if (Live* live = mine(task)) live->clean = done;
}

}  // namespace weir::gateway
