// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

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
    {
        auto records = Records::open(folder.path);
        REQUIRE(records);
        REQUIRE(records->put(record_of(17)));
        REQUIRE(records->put(record_of(18)));
        Record ended = record_of(18);
        REQUIRE(records->finish(ended));
        CHECK(ended.run.sequence == 1);
        REQUIRE(records->finish(ended));
        CHECK(ended.run.sequence == 1);  // once is enough
    }
    auto records = Records::open(folder.path);
    REQUIRE(records);
    CHECK(records->all().size() == 2);
    CHECK(records->find(18)->ended());
    REQUIRE(records->finished(0, 10).size() == 1);
    CHECK(records->finished(1, 10).empty());
    REQUIRE(records->forget(18));
    CHECK(records->find(18) == nullptr);
    Record next = record_of(17);
    REQUIRE(records->finish(next));
    CHECK(next.run.sequence == 2);
    REQUIRE(records->finished(0, 1).size() == 1);
    CHECK(records->finished(0, 1).front().second.job == JobId{18});
}

TEST_CASE("an end that was noted just before a crash is not noted again", "[gateway]") {
    const Folder folder;
    const Record before = record_of(17);
    {
        auto records = Records::open(folder.path);
        REQUIRE(records);
        Record ended = before;
        REQUIRE(records->finish(ended));
        REQUIRE(records->put(before));  // as if its own file had not been replaced any more
    }
    auto records = Records::open(folder.path);
    REQUIRE(records);
    CHECK(records->find(17)->ended());
    CHECK(records->find(17)->run.sequence == 1);
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
    CHECK(ended.run.sequence == 1);
    CHECK(records->find(17)->ended());
    CHECK(records->finished(0, 10).size() == 1);
}

TEST_CASE("a line that was cut is passed over, a copy's file that cannot be read is not", "[gateway]") {
    const Folder folder;
    REQUIRE(Records::open(folder.path));
    std::ofstream(folder.path / "finished.jsonl") << R"({"version":1,"run":{"job":1,)" << '\n';
    CHECK(Records::open(folder.path));
    std::ofstream(folder.path / "jobs" / "9.json") << "{";
    const auto failed = Records::open(folder.path);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find("9.json") != std::string::npos);
}
