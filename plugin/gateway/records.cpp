// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/records.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <system_error>

#include "plugin/actuate/file.h"

namespace weir::gateway {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kFinished = "finished.jsonl";
constexpr const char* kBroken = "broken";
constexpr const char* kBegun = "begun";

// When the file was first made, which this does if need be.
Result<Time> time_noted(const fs::path& file) {
    struct stat info {};
    const int opened = ::open(file.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    const bool known = opened >= 0 && ::fstat(opened, &info) == 0;
    const int code = errno;
    ::close(opened);
    if (!known) return failure(file.string() + ": " + std::generic_category().message(code));
    return Time(Duration(info.st_mtime));
}

Result<void> append_line(const fs::path& file, const std::string& line) {
    const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (opened < 0) return failure(file.string() + ": " + std::generic_category().message(errno));
    const auto wrote = ::write(opened, line.data(), line.size());
    const bool whole = wrote == static_cast<ssize_t>(line.size()) && ::fdatasync(opened) == 0;
    const int code = errno;
    // A line of which a part was written would hide the next one.
    if (!whole && wrote > 0 && ::ftruncate(opened, ::lseek(opened, 0, SEEK_END) - wrote) != 0) {
        // Readers pass over a line that is not whole.
    }
    ::close(opened);
    if (!whole) return failure(file.string() + ": " + std::generic_category().message(code));
    return {};
}

}  // namespace

fs::path Records::file_of(std::uint32_t job) const {
    return folder_ / "jobs" / (std::to_string(job) + ".json");
}

Result<Records> Records::open(const fs::path& folder, std::size_t kept) {
    std::error_code failed;
    const bool begins = fs::create_directories(folder / "jobs", failed);
    if (!failed && begins) fs::remove(folder / kBegun, failed);
    if (failed) return failure(folder.string() + ": " + failed.message());
    Records records(folder, kept);
    auto begun = time_noted(folder / kBegun);
    if (!begun) return tl::make_unexpected(begun.error());
    records.begun_ = *begun;
    for (const auto& entry : fs::directory_iterator(folder / "jobs", failed)) {
        if (entry.path().extension() != ".json") continue;
        std::ifstream file(entry.path());
        const json content = json::parse(file, nullptr, false);
        auto record = read_record(content);
        if (record && records.file_of(record->run.job.value) != entry.path())
            record = failure("tells of job " + std::to_string(record->run.job.value));
        if (!record) {
            if (auto moved = records.lay_aside(entry.path(), record.error().message); !moved)
                return tl::make_unexpected(moved.error());
            continue;
        }
        records.records_.emplace(record->run.job.value, std::move(*record));
    }
    if (failed) return failure(folder.string() + ": " + failed.message());
    if (auto read = records.read_finished(); !read) return tl::make_unexpected(read.error());
    records.catch_up();
    return records;
}

Result<void> Records::lay_aside(const fs::path& file, const std::string& why) {
    std::error_code failed;
    fs::create_directories(folder_ / kBroken, failed);
    const fs::path aside = folder_ / kBroken / file.filename();
    if (!failed) fs::rename(file, aside, failed);
    if (failed) return failure(file.string() + ": " + why + "; it cannot be laid aside: " + failed.message());
    problems_.push_back(file.string() + ": " + why + "; it now lies in " + aside.string() +
                        ", and a copy of its job is looked for at its site before there is another");
    return {};
}

bool Records::laid_aside(std::uint32_t job) const {
    std::error_code failed;
    return fs::exists(folder_ / kBroken / file_of(job).filename(), failed);
}

std::optional<Time> Records::sent_before(std::uint32_t job) const {
    return laid_aside(job) ? std::nullopt : std::optional(begun_);
}

bool Records::doubts(std::uint32_t job, std::uint32_t restarts) const {
    if (laid_aside(job)) return true;
    return restarts > 0 &&
           std::ranges::none_of(finished_, [&](const auto& entry) { return entry.second.job == JobId{job}; });
}

Result<void> Records::read_finished() {
    // Whoever reads it has seen the numbers of one that was lost, which began earlier.
    if (std::error_code failed; !fs::exists(folder_ / kFinished, failed))
        last_sequence_ = static_cast<std::uint64_t>(
            std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now())
                .time_since_epoch()
                .count());
    std::ifstream file(folder_ / kFinished);
    std::string line;
    bool cut_off = false;
    while (std::getline(file, line)) {
        cut_off = file.eof();
        const json content = json::parse(line, nullptr, false);
        if (content.is_object() && content.contains("ledger")) {
            read_name(content);
            continue;
        }
        auto record = read_record(content);
        if (!record)
            continue;  // cut off by a crash: it is written again, since its job's file is still there
        last_sequence_ = std::max(last_sequence_, record->run.sequence);
        finished_.emplace_back(record->site, std::move(record->run));
    }
    // What comes next must not become a part of that line.
    if (cut_off)
        if (auto ended = append_line(folder_ / kFinished, "\n"); !ended) return ended;
    if (id_.empty()) name_it();
    if (finished_.size() <= kept_) return {};
    const std::size_t more = finished_.size() - kept_;
    if (more > kept_ && !id_.empty())
        if (auto dropped = drop_finished(more); !dropped) problems_.push_back(dropped.error().message);
    finished_.erase(finished_.begin(), finished_.begin() + static_cast<std::ptrdiff_t>(more));
    return {};
}

// Takes the oldest ones out of the file, which else grows for ever: they were settled long ago.
Result<void> Records::drop_finished(std::size_t most) {
    std::string left = json{{"ledger", id_}, {"after", last_sequence_}}.dump() + '\n';
    std::ifstream file(folder_ / kFinished);
    for (std::string line; std::getline(file, line);) {
        if (!read_record(json::parse(line, nullptr, false))) continue;
        if (most > 0)
            --most;
        else
            left += line + '\n';
    }
    return actuate::replace_file(folder_ / kFinished, left, true);
}

void Records::read_name(const json& line) {
    const json& id = line["ledger"];
    if (!id.is_string() || !line.contains("after") || !line["after"].is_number_unsigned()) return;
    id_ = id;
    last_sequence_ = std::max(last_sequence_, line["after"].get<std::uint64_t>());
}

// In the very file that holds the numbers, so that it is lost only with them.
void Records::name_it() {
    const std::string id = with_nonce(with_nonce(""));
    const std::string text = json{{"ledger", id}, {"after", last_sequence_}}.dump() + '\n';
    if (auto named = append_line(folder_ / kFinished, text); !named)
        problems_.push_back(named.error().message + ", so this ledger has no name until the next start");
    else
        id_ = id;
}

// A copy whose end was noted just before this program was killed is not noted again.
void Records::catch_up() {
    for (auto& known : records_) {
        Record& record = known.second;
        if (record.ended() || record.run.remote_id == 0) continue;
        const auto same = std::ranges::find_if(finished_, [&](const auto& entry) {
            return entry.first == record.site && entry.second.job == record.run.job &&
                   entry.second.remote_id == record.run.remote_id &&
                   entry.second.submitted == record.run.submitted;
        });
        if (same != finished_.end()) record.run = same->second;
    }
}

const Record* Records::find(std::uint32_t job) const {
    const auto found = records_.find(job);
    return found != records_.end() ? &found->second : nullptr;
}

Result<void> Records::put(const Record& record) {
    const std::string text = to_json(record).dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
    if (auto written = actuate::replace_file(file_of(record.run.job.value), text, true); !written)
        return written;
    records_[record.run.job.value] = record;
    return {};
}

Result<void> Records::finish(Record& record) {
    Record done = record;
    done.run.stage = RunStage::kFinished;
    if (done.run.sequence != 0) {
        record = done;
        return put(record);
    }
    done.run.sequence = last_sequence_ + 1;
    const std::string text = to_json(done).dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
    if (auto appended = append_line(folder_ / kFinished, text); !appended) return appended;
    last_sequence_ = done.run.sequence;
    finished_.emplace_back(done.site, done.run);
    if (finished_.size() > 2 * kept_)
        finished_.erase(finished_.begin(), finished_.begin() + static_cast<std::ptrdiff_t>(kept_));
    // Its line is there, whether or not its file can be replaced now: it gets no other.
    if (const auto known = records_.find(done.run.job.value); known != records_.end())
        known->second.run.sequence = done.run.sequence;
    record = done;
    return put(record);
}

Result<void> Records::forget(std::uint32_t job) {
    std::error_code failed;
    fs::remove(file_of(job), failed);
    if (failed) return failure(file_of(job).string() + ": " + failed.message());
    records_.erase(job);
    return {};
}

std::vector<std::pair<std::string, RemoteRun>> Records::finished(std::uint64_t after,
                                                                 std::size_t limit) const {
    auto first = std::ranges::upper_bound(finished_, after, {},
                                          [](const auto& entry) { return entry.second.sequence; });
    const auto count = std::min(limit, static_cast<std::size_t>(finished_.end() - first));
    return {first, first + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace weir::gateway
