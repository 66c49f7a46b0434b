// SPDX-License-Identifier: GPL-2.0-or-later
// The files that a job names: those that go to the site before it runs there, and those that come back.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "plugin/config/words.h"
#include "plugin/gateway/mover.h"

namespace weir::gateway {
namespace {

using std::chrono::seconds;

constexpr seconds kAnswerPatience{60};  // for a relay, which may wait for a full disk
constexpr seconds kSayEvery{10};
constexpr seconds kLookUp{1};
constexpr int kDeepest = 64;   // folders in each other
constexpr int kStrange = 101;  // Error::code: a name that cannot be told its relay, whatever else came
constexpr int kMostSaid = 20;  // paths, to a user
constexpr std::size_t kLongestSaid = 4096;  // bytes of one of them and what is said of it

FileState state_of(int file) {
    struct stat info {};
    if (::fstat(file, &info) != 0) return {-1, 0, 0};
    return {info.st_size, info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, info.st_ino};
}

// A relay's own words, which go on to where messages have an end.
std::string words_of(const Message& message, const std::string& otherwise) {
    return message.what.value("text", otherwise).substr(0, kLongestSaid);
}

}  // namespace

// Asks a copy's relay and waits for its answer. What it answers late to an earlier question is passed over,
// and one that is stopped keeps nobody waiting: others' files want to move too.
Result<Message> Mover::ask(Task& task, nlohmann::json question) {
    const std::uint32_t job = task.record.run.job.value;
    static std::atomic<std::uint64_t> last = 0;
    const std::uint64_t ticket = ++last;
    question["ticket"] = ticket;
    std::unique_lock hold(board_.lock());
    const auto listens = [&] {
        const Live* live = mine(task);
        return live != nullptr && live->connection == task.connection && live->attached() && !stopping_;
    };
    if (!listens()) return failure("its relay is not there", kNoRelay);
    board_.answers()[job].clear();
    board_.post(job, std::move(question));
    const auto deadline = Clock::now() + kAnswerPatience;
    while (listens() && Clock::now() < deadline) {
        auto& answers = board_.answers()[job];  // looked up anew: the job may have been forgotten
        for (; !answers.empty(); answers.pop_front())
            if (answers.front().what.value("ticket", ticket) == ticket) return std::move(answers.front());
        board_.answered().wait_for(hold, kLookUp);
    }
    return failure("its relay does not answer", kNoRelay);
}

// To be called as a file moves: tells its user now and then how far it is, and whether it is to go on.
std::function<bool(std::int64_t)> Mover::progress(const Task& task, const std::string& name,
                                                  std::int64_t size, const char* how) {
    return [this, &task, name, size, how, last = Clock::now()](std::int64_t moved) mutable {
        if (!still_wanted(task)) return false;
        if (Clock::now() - last < kSayEvery) return true;
        last = Clock::now();
        const std::scoped_lock hold(board_.lock());
        board_.post(task.record.run.job.value, {{"do", "say"},
                                                {"text", name + ": " + std::to_string(moved >> 20) + " of " +
                                                             std::to_string(size >> 20) + " MiB " + how}});
        return true;
    };
}

// Sends the file of an offer; false where there is none left.
Result<bool> Mover::send_one(Task& task, Message& offer) {
    if (offer.kind() == "in_end") {
        const std::scoped_lock hold(board_.lock());
        const auto say = [&](const std::string& which) {
            board_.post(task.record.run.job.value,
                        {{"do", "say"}, {"text", which + " not sent: it leads elsewhere, or is no file"}});
        };
        for (const auto& skipped : offer.what.value("skipped", std::vector<std::string>()))
            say(skipped + " is");
        if (const auto more = offer.what.value("more", 0); more > 0)
            say("each of " + std::to_string(more) + " more is");
        return false;
    }
    const std::string name = offer.what.value("name", "");
    if (offer.kind() != "in") return failure(words_of(offer, "the relay cannot open a file"));
    if (offer.files.size() != 1 || !stays_inside(name))
        return failure(name + ": no name in the copy's folder");
    const auto began = Clock::now();
    const auto size = offer.what.value("size", std::int64_t{0});
    // Only what this copy began itself, and with the file as it still is, is gone on with.
    const FileState state = state_of(offer.files[0].get());
    const auto begun = task.begun->find(name);
    const bool resume = begun != task.begun->end() && begun->second == state;
    if (begun != task.begun->end() && !resume) task.begun->erase(begun);
    bool noted = resume;
    const auto told = [&, progress = progress(task, name, size, "sent")](std::int64_t moved) {
        // Not before: what was there is cut off by now.
        if (!std::exchange(noted, true)) task.begun->emplace(name, state);
        return progress(moved);
    };
    auto sent = sftp(task.record.run.remote_user)
                    .send(offer.files[0].get(), task.record.directory + "/" + name, resume,
                          offer.what.value("executable", false), told);
    if (!sent) {
        // There may be holes in what came after the piece that was refused.
        if (sent.error().code == net::kSftpFull) task.begun->erase(name);
        return tl::make_unexpected(sent.error());
    }
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

Result<void> Mover::bring_file(Task& task, const std::string& name, const net::SftpEntry& entry) {
    if (task.brought.contains(name)) return {};
    const auto refused = [](const Message& answer, const std::string& text) {
        return failure(words_of(answer, text), answer.what.value("full", false) ? net::kSftpFull : 0);
    };
    auto opened = ask(task, {{"do", "create"}, {"name", name}, {"executable", entry.executable}});
    if (!opened) return tl::make_unexpected(opened.error());
    if (opened->kind() != "created" || opened->files.size() != 1)
        return refused(*opened, name + " cannot be made");
    const int file = opened->files[0].get();
    const auto have = opened->what.value("have", std::int64_t{0});
    auto fetched = sftp(task.record.run.remote_user)
                       .fetch(task.record.directory + "/" + name, file, have,
                              progress(task, name, entry.size, "brought back"));
    count(task, ::lseek(file, 0, SEEK_END) - have);
    if (!fetched) return fetched;
    auto closed = ask(task, {{"do", "close"}});
    if (!closed) return tl::make_unexpected(closed.error());
    if (closed->kind() != "closed") return refused(*closed, name + " cannot be finished");
    const std::scoped_lock hold(board_.lock());
    if (Live* live = mine(task)) live->brought.insert(name);
    return {};
}

Result<void> Mover::bring_tree(Task& task, const std::string& name, int depth) {
    if (depth > kDeepest) return failure(name + ": folders too deep in each other");
    auto entries = sftp(task.record.run.remote_user).list(task.record.directory + "/" + name);
    if (!entries) return tl::make_unexpected(entries.error());
    Result<void> strange;
    for (const net::SftpEntry& entry : *entries) {
        const std::string inside = name + "/" + entry.name;
        if (!config::is_utf8(inside)) {
            strange = failure(config::in_quotes(inside) + ": its name is no UTF-8", kStrange);
            continue;
        }
        if (!stays_inside(inside) || entry.kind == net::SftpEntry::Kind::kOther) continue;
        auto done = entry.kind == net::SftpEntry::Kind::kFolder ? bring_tree(task, inside, depth + 1)
                                                                : bring_file(task, inside, entry);
        if (!done && done.error().code != kStrange) return done;
        if (!done) strange = done;
    }
    return strange;
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
                                                                   : bring_file(task, path, entry);
    return failure(path + ": the job has left no such file at " + site_.site, net::kSftpNoFile);
}

void Mover::stage_out(Task& task) {
    std::string missing;
    int count = 0;
    const auto miss = [&](const std::string& what) {
        if (++count <= kMostSaid) missing += (missing.empty() ? "" : "; ") + what.substr(0, kLongestSaid);
    };
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
        miss(done.error().message);
        kept = kept || done.error().code != net::kSftpNoFile;
    }
    if (count > kMostSaid) missing += "; and " + std::to_string(count - kMostSaid) + " more";
    if (kept) missing += "; it is left at " + site_.site + " in " + task.record.directory;
    const bool unread = task.streams[0].unread || task.streams[1].unread;
    if (unread)
        missing += (missing.empty() ? "" : "; ") +
                   std::string("its output cannot be read there; it is left at ") + site_.site + " in " +
                   (task.streams[0].unread ? task.record.output : task.record.errors);
    change(task, [&](Record& it) {
        const Live* live = mine(task);
        // A relay that came anew in between is to have all of it first.
        if (live == nullptr || live->connection != task.connection) return;
        it.fetched = true;
        it.run.brought = Bytes{live->egress};
        it.kept = kept;
        it.output_kept = unread;
        if (!missing.empty()) board_.say(it, missing);
    });
}

}  // namespace weir::gateway
