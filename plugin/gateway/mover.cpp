// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/mover.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

namespace weir::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kChunk = 256 << 10;  // of output at a time
constexpr milliseconds kFirstPause{500};    // between two looks for more output
constexpr milliseconds kLongestPause{10'000};
constexpr seconds kTroubleRest{2};
constexpr seconds kFullRest{5};
constexpr seconds kAnswerPatience{60};  // for a relay, which may wait for a full disk
constexpr seconds kSayEvery{10};
constexpr int kDeepest = 64;  // folders in each other
constexpr int kQuietEnd = 3;  // looks without news after which the output of a copy that has ended is whole

milliseconds pause_after(int quiet) {
    return std::min(kLongestPause, kFirstPause * (1 << std::min(quiet, 5)));
}

// The same trouble has other figures each time.
std::string without_figures(std::string text) {
    std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
    return text;
}

bool worth_trying_again(const Error& error) {
    return error.code == net::kSftpLink || error.code == net::kSftpHostKey || error.code == net::kSftpLogin ||
           error.code == net::kSftpFull;
}

}  // namespace

bool stays_inside(const std::string& name) {
    if (name.empty() || name.starts_with('/') || name.find('\0') != std::string::npos) return false;
    return std::ranges::none_of(std::filesystem::path(name), [](const auto& part) { return part == ".."; });
}

// A change of a record that is still of the same copy.
template <class Change>
void Mover::change(Task& task, Change apply) {
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
        return !quick_ && !live.clean && (live.seen_ended || record.given_up());
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

// Asks a copy's relay and waits for its answer.
Result<Message> Mover::ask(Task& task, const nlohmann::json& question) {
    const std::uint32_t job = task.record.run.job.value;
    std::unique_lock hold(board_.lock());
    const std::uint64_t connection = board_.live(job).connection;
    if (connection == 0) return failure("its relay is not there", net::kSftpLink);
    board_.answers()[job].clear();
    board_.post(job, question);
    const auto deadline = Clock::now() + kAnswerPatience;
    while (board_.answers()[job].empty()) {
        if (stopping_ || board_.live(job).connection != connection)
            return failure("its relay is gone", net::kSftpLink);
        if (board_.answered().wait_until(hold, deadline) == std::cv_status::timeout)
            return failure("its relay does not answer", net::kSftpLink);
    }
    Message answer = std::move(board_.answers()[job].front());
    board_.answers()[job].pop_front();
    return answer;
}

// Sends the file of an offer; false where there is none left.
Result<bool> Mover::send_one(Task& task, Message& offer) {
    if (offer.kind() == "in_end") {
        for (const auto& skipped : offer.what.value("skipped", std::vector<std::string>()))
            board_.post(
                task.record.run.job.value,
                {{"do", "say"}, {"text", skipped + " is not sent: it leads elsewhere, or is no file"}});
        return false;
    }
    const std::string name = offer.what.value("name", "");
    if (offer.kind() != "in") return failure(offer.what.value("text", "the relay cannot open a file"));
    if (offer.files.size() != 1 || !stays_inside(name))
        return failure(name + ": no name in the copy's folder");
    auto last = Clock::now();
    const auto began = last;
    const auto size = offer.what.value("size", std::int64_t{0});
    auto sent = sftp(task.record.run.remote_user)
                    .send(offer.files[0].get(), task.record.directory + "/" + name, true,
                          offer.what.value("executable", false), [&](std::int64_t moved) {
                              if (!still_wanted(task)) return false;
                              if (Clock::now() - last < kSayEvery) return true;
                              last = Clock::now();
                              const std::scoped_lock hold(board_.lock());
                              board_.post(task.record.run.job.value,
                                          {{"do", "say"},
                                           {"text", name + ": " + std::to_string(moved >> 20) + " of " +
                                                        std::to_string(size >> 20) + " MiB sent"}});
                              return true;
                          });
    if (!sent) return tl::make_unexpected(sent.error());
    moves(task);
    const auto took = std::chrono::duration<double>(Clock::now() - began).count();
    if (size > (1 << 20) && took > 0) {
        const std::scoped_lock hold(board_.lock());
        board_.site(site_.site).bytes_per_second =
            static_cast<std::int64_t>(static_cast<double>(size) / took);
    }
    return true;
}

void Mover::stage_in(Task& task) {
    auto offer = ask(task, {{"do", "first_in"}});
    while (offer) {
        auto sent = send_one(task, *offer);
        if (!sent && sent.error().code == net::kSftpStopped) return;
        if (!sent && worth_trying_again(sent.error())) return tell_trouble(task, sent.error());
        if (!sent)
            return change(task, [&](Record& it) {
                it.outcome = Outcome{1, 0, false, false, "its files cannot be sent: " + sent.error().message};
                it.run.stage = RunStage::kFetching;
                it.fetched = true;
            });
        if (!*sent) return change(task, [](Record& it) { it.staged = true; });
        offer = ask(task, {{"do", "next_in"}});
    }
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

Result<void> Mover::bring_file(Task& task, const std::string& name, bool executable) {
    if (task.brought.contains(name)) return {};
    const auto refused = [](const Message& answer, const std::string& text) {
        return failure(answer.what.value("text", text),
                       answer.what.value("full", false) ? net::kSftpFull : 0);
    };
    auto opened = ask(task, {{"do", "create"}, {"name", name}, {"executable", executable}});
    if (!opened) return tl::make_unexpected(opened.error());
    if (opened->kind() != "created" || opened->files.size() != 1)
        return refused(*opened, name + " cannot be made");
    const int file = opened->files[0].get();
    const auto have = opened->what.value("have", std::int64_t{0});
    auto fetched = sftp(task.record.run.remote_user)
                       .fetch(task.record.directory + "/" + name, file, have,
                              [&](std::int64_t) { return still_wanted(task); });
    count(task, ::lseek(file, 0, SEEK_END) - have);
    if (!fetched) return fetched;
    auto closed = ask(task, {{"do", "close"}});
    if (!closed) return tl::make_unexpected(closed.error());
    if (closed->kind() != "closed") return refused(*closed, name + " cannot be finished");
    const std::scoped_lock hold(board_.lock());
    board_.live(task.record.run.job.value).brought.insert(name);
    return {};
}

Result<void> Mover::bring_tree(Task& task, const std::string& name, int depth) {
    if (depth > kDeepest) return failure(name + ": folders too deep in each other");
    auto entries = sftp(task.record.run.remote_user).list(task.record.directory + "/" + name);
    if (!entries) return tl::make_unexpected(entries.error());
    for (const net::SftpEntry& entry : *entries) {
        const std::string inside = name + "/" + entry.name;
        if (!stays_inside(inside) || entry.kind == net::SftpEntry::Kind::kOther) continue;
        auto done = entry.kind == net::SftpEntry::Kind::kFolder ? bring_tree(task, inside, depth + 1)
                                                                : bring_file(task, inside, entry.executable);
        if (!done) return done;
    }
    return {};
}

Result<void> Mover::bring_path(Task& task, const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : "/" + path.substr(0, slash);
    const std::string last = path.substr(slash == std::string::npos ? 0 : slash + 1);
    auto entries = sftp(task.record.run.remote_user).list(task.record.directory + folder);
    if (!entries && entries.error().code != net::kSftpNoFile) return tl::make_unexpected(entries.error());
    if (entries)
        for (const net::SftpEntry& entry : *entries)
            if (entry.name == last)
                return entry.kind == net::SftpEntry::Kind::kFolder ? bring_tree(task, path, 0)
                                                                   : bring_file(task, path, entry.executable);
    return failure(path + ": the job has left no such file at " + site_.site, net::kSftpNoFile);
}

void Mover::stage_out(Task& task) {
    std::string missing;
    bool kept = false;
    for (std::string path : task.record.withdrawal == Withdrawal::kNone && task.attached
                                ? task.record.stage_out
                                : std::vector<std::string>()) {
        while (path.starts_with("./")) path.erase(0, 2);
        while (path.ends_with('/')) path.pop_back();
        if (!stays_inside(path)) continue;
        auto done = bring_path(task, path);
        if (!done && done.error().code == net::kSftpStopped) return;
        if (!done && worth_trying_again(done.error())) return tell_trouble(task, done.error());
        if (done) continue;
        missing += (missing.empty() ? "" : "; ") + done.error().message;
        kept = kept || done.error().code != net::kSftpNoFile;
    }
    if (kept) missing += "; it is left at " + site_.site + " in " + task.record.directory;
    change(task, [&](Record& it) {
        it.fetched = true;
        it.run.brought = Bytes{board_.live(it.run.job.value).egress};
        it.kept = kept;
        if (!missing.empty()) board_.say(it, missing);
    });
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
