// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "plugin/gateway/records.h"

using namespace weir;
using namespace weir::gateway;

namespace {

namespace fs = std::filesystem;

struct Folder {
    Folder() {
        std::string name = (fs::temp_directory_path() / "weir-records-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Folder() { fs::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    fs::path path;
};

Record record_of(std::uint32_t job) {
    Record record;
    record.run.job = JobId{job};
    record.run.submitted = Time(Duration(1000));
    record.run.label = std::to_string(job);
    record.run.user = "alice";
    record.run.remote_user = "w-alice";
    record.run.remote_id = 300 + job;
    record.run.stage = RunStage::kRunning;
    record.run.started = Time(Duration(1010));
    record.run.gpus = 4;
    record.site = "west";
    record.name = "weir.0011." + std::to_string(job) + ".ab";
    record.attempted = Time(Duration(1005));
    record.arguments = {"a b", "\xff"};
    record.delivered[1] = 7;
    record.withdrawal = Withdrawal::kWaitedLong;
    record.outcome = Outcome{3, 9, true, true, "said"};
    return record;
}

}  // namespace

TEST_CASE("a record is read back as it was written", "[gateway]") {
    Record record = record_of(17);
    record.arguments = {"a b"};
    const auto read = read_record(to_json(record));
    REQUIRE(read);
    CHECK(to_json(*read) == to_json(record));
    CHECK(read->run == record.run);
    CHECK(read->outcome == record.outcome);
}

TEST_CASE("what is no record is an error, whatever it is", "[gateway]") {
    const auto whole = to_json(record_of(17));
    CHECK_FALSE(read_record(nlohmann::json()));
    CHECK_FALSE(read_record(nlohmann::json::array()));
    for (const auto& [key, value] : whole.items()) {
        if (key == "outcome") continue;  // may be missing
        auto cut = whole;
        cut.erase(key);
        CHECK_FALSE(read_record(cut));
        cut[key] = nlohmann::json::object();
        CHECK_FALSE(read_record(cut));
    }
}

TEST_CASE("a ledger survives its program", "[gateway]") {
    const Folder folder;
    std::uint64_t first = 0;
    {
        auto records = Records::open(folder.path);
        REQUIRE(records);
        REQUIRE(records->put(record_of(17)));
        REQUIRE(records->put(record_of(18)));
        Record ended = record_of(18);
        REQUIRE(records->finish(ended));
        first = ended.run.sequence;
        REQUIRE(records->finish(ended));
        CHECK(ended.run.sequence == first);  // once is enough
    }
    auto records = Records::open(folder.path);
    REQUIRE(records);
    CHECK(records->all().size() == 2);
    CHECK(records->find(18)->ended());
    REQUIRE(records->finished(0, 10).size() == 1);
    CHECK(records->finished(first, 10).empty());
    REQUIRE(records->forget(18));
    CHECK(records->find(18) == nullptr);
    Record next = record_of(17);
    REQUIRE(records->finish(next));
    CHECK(next.run.sequence == first + 1);
    REQUIRE(records->finished(0, 1).size() == 1);
    CHECK(records->finished(0, 1).front().second.job == JobId{18});
}

TEST_CASE("an end that was noted just before a crash is not noted again", "[gateway]") {
    const Folder folder;
    const Record before = record_of(17);
    std::uint64_t sequence = 0;
    {
        auto records = Records::open(folder.path);
        REQUIRE(records);
        Record ended = before;
        REQUIRE(records->finish(ended));
        sequence = ended.run.sequence;
        REQUIRE(records->put(before));  // as if its own file had not been replaced any more
    }
    auto records = Records::open(folder.path);
    REQUIRE(records);
    CHECK(records->find(17)->ended());
    CHECK(records->find(17)->run.sequence == sequence);
}

TEST_CASE("an end whose line is written and whose file cannot be replaced is noted once", "[gateway]") {
    const Folder folder;
    auto records = Records::open(folder.path);
    REQUIRE(records);
    REQUIRE(records->put(record_of(17)));
    const fs::path in_the_way = folder.path / "jobs" / "17.json.new";
    fs::create_directory(in_the_way);
    for (int again = 0; again < 2; ++again) {
        Record ended = *records->find(17);
        CHECK_FALSE(records->finish(ended));
    }
    CHECK(records->finished(0, 10).size() == 1);
    fs::remove(in_the_way);
    Record ended = *records->find(17);
    REQUIRE(records->finish(ended));
    CHECK(ended.run.sequence > 0);
    CHECK(records->find(17)->ended());
    CHECK(records->finished(0, 10).size() == 1);
}

TEST_CASE("a ledger that begins anew counts on from where a lost one may have come to", "[gateway]") {
    const Folder folder;
    const auto finish = [&] {
        auto records = Records::open(folder.path);
        REQUIRE(records);
        Record ended = record_of(17);
        REQUIRE(records->finish(ended));
        return ended.run.sequence;
    };
    const auto before = finish();
    fs::remove_all(folder.path / "jobs");
    fs::remove(folder.path / "finished.jsonl");
    CHECK(finish() > before);
}

TEST_CASE("a ledger keeps the name that its numbers are known by, and has another one when they are lost",
          "[gateway]") {
    const Folder folder;
    const auto named = [&] {
        auto records = Records::open(folder.path);
        REQUIRE(records);
        return records->id();
    };
    const auto next = [&] {
        auto records = Records::open(folder.path);
        REQUIRE(records);
        Record ended = record_of(17);
        REQUIRE(records->finish(ended));
        REQUIRE(records->forget(17));
        return ended.run.sequence;
    };
    const std::string first = named();
    CHECK(first.size() == 16);
    CHECK(named() == first);
    // Before the first end was noted, too, it counts on from where it began.
    const auto at_least = static_cast<std::uint64_t>(
        (std::chrono::system_clock::now() - std::chrono::hours(1)).time_since_epoch() /
        std::chrono::milliseconds(1));
    const auto sequence = next();
    CHECK(sequence > at_least);
    CHECK(next() == sequence + 1);
    CHECK(named() == first);
    // A line that a crash cut off takes no other with it.
    std::ofstream(folder.path / "finished.jsonl", std::ios::app) << R"({"version":1,"run")";
    CHECK(next() == sequence + 2);
    CHECK(next() == sequence + 3);
    CHECK(Records::open(folder.path)->finished(0, 10).size() == 4);
    fs::remove(folder.path / "finished.jsonl");
    CHECK(named() != first);
    // One of before it had a name gets one, and no run is numbered twice.
    std::ofstream(folder.path / "finished.jsonl").close();
    CHECK_FALSE(named().empty());
}

TEST_CASE("of those that ended long ago a ledger forgets the oldest, and counts on", "[gateway]") {
    const Folder folder;
    std::string id;
    std::uint64_t last = 0;
    for (std::uint32_t job = 1; job <= 8; ++job) {
        auto records = Records::open(folder.path, 3);
        REQUIRE(records);
        id = id.empty() ? records->id() : id;
        Record record = record_of(job);
        record.arguments = {};
        REQUIRE(records->finish(record));
        CHECK(record.run.sequence > last);
        last = record.run.sequence;
        REQUIRE(records->forget(job));
    }
    std::ifstream file(folder.path / "finished.jsonl");
    CHECK(std::count(std::istreambuf_iterator<char>(file), {}, '\n') <= 1 + 2 * 3);
    const auto records = Records::open(folder.path, 3);
    REQUIRE(records);
    CHECK(records->problems().empty());
    CHECK(records->id() == id);
    const auto finished = records->finished(0, 10);
    REQUIRE(finished.size() == 3);
    CHECK(finished.back().second.sequence == last);
}

TEST_CASE("what cannot be read of a ledger is passed over or laid aside, the rest is read", "[gateway]") {
    const Folder folder;
    {
        auto records = Records::open(folder.path);
        REQUIRE(records);
        REQUIRE(records->put(record_of(17)));
        CHECK(records->problems().empty());
    }
    std::ofstream(folder.path / "finished.jsonl") << R"({"version":1,"run":{"job":1,)" << '\n';
    std::ofstream(folder.path / "jobs" / "9.json") << "{";
    fs::copy_file(folder.path / "jobs" / "17.json", folder.path / "jobs" / "10.json");
    const auto records = Records::open(folder.path);
    REQUIRE(records);
    CHECK(records->all().size() == 1);
    CHECK(records->find(17) != nullptr);
    REQUIRE(records->problems().size() == 2);
    CHECK((records->problems()[0] + records->problems()[1]).find("9.json") != std::string::npos);
    CHECK(fs::exists(folder.path / "broken" / "9.json"));
    CHECK(records->doubts(9, 0));
    CHECK(records->doubts(10, 0));
    CHECK_FALSE(records->doubts(11, 0));
    const auto again = Records::open(folder.path);
    REQUIRE(again);
    CHECK(again->problems().empty());
    CHECK(again->doubts(9, 0));
}

TEST_CASE("a job that has run before is doubted unless the ledger knows of it", "[gateway]") {
    const Folder folder;
    auto records = Records::open(folder.path);
    REQUIRE(records);
    CHECK_FALSE(records->doubts(17, 0));
    CHECK(records->doubts(17, 1));
    Record ended = record_of(17);
    REQUIRE(records->finish(ended));
    CHECK_FALSE(records->doubts(17, 1));
}

TEST_CASE("what a ledger does not know was sent before it began, unless a file of it was laid aside",
          "[gateway]") {
    const Folder folder;
    const Time now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    fs::create_directories(folder.path / "broken");
    std::ofstream(folder.path / "broken" / "9.json") << "{";
    const auto began = [&] {
        const auto records = Records::open(folder.path);
        REQUIRE(records);
        CHECK_FALSE(records->sent_before(9));
        return *records->sent_before(17);
    };
    CHECK(began() >= now);
    fs::last_write_time(folder.path / "begun", fs::file_time_type::clock::now() - std::chrono::hours(2));
    CHECK(began() < now - std::chrono::hours(1));  // it goes on
    fs::remove_all(folder.path / "jobs");
    CHECK(began() >= now);
}

TEST_CASE("a copy is known by its whole name, or by its prefix where the nonce was lost", "[gateway]") {
    Record record = record_of(17);
    record.directory = "/scratch/w-alice/";
    record.errors = "yes";
    name_copy(record, "weir.0011.17.ab");
    CHECK(record.directory == "/scratch/w-alice/weir.0011.17.ab");
    CHECK(record.errors == "/scratch/w-alice/weir.0011.17.ab.err");
    rest::Job job;
    job.name = "weir.0011.17.ab";
    job.user = "w-alice";
    job.state = rest::State::kRunning;
    CHECK(is_copy(record, job));
    job.user.clear();  // as v0.0.36 tells it
    CHECK(is_copy(record, job));
    job.user = "w-bob";
    CHECK_FALSE(is_copy(record, job));
    job.user = "w-alice";
    job.name = "weir.0011.17.abc";
    CHECK_FALSE(is_copy(record, job));
    name_copy(record, "weir.0011.17.");
    CHECK(is_copy(record, job));
    job.user = "w-bob";
    CHECK_FALSE(is_copy(record, job));
    job.user = "w-alice";
    job.name = "weir.0011.170.ab";
    CHECK_FALSE(is_copy(record, job));
    job.name = "weir.0011.17.ab";
    job.state = rest::State::kCompleted;
    job.ended = record.run.submitted - Duration(1);  // of an earlier run
    CHECK_FALSE(is_copy(record, job));
    job.ended = record.run.submitted;
    CHECK(is_copy(record, job));
    job.state = rest::State::kCancelled;
    CHECK_FALSE(is_copy(record, job));
    const std::string named = with_nonce("weir.0011.17.");
    CHECK(named.size() == 21);
    CHECK(is_nonce(named.substr(13)));
    CHECK(is_nonce(""));
    CHECK_FALSE(is_nonce("/../x"));
    CHECK_FALSE(is_nonce("123456789"));
    CHECK(named != with_nonce("weir.0011.17."));
}
