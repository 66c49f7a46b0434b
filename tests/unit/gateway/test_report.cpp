// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/report.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <functional>

#include "plugin/observe/sites/answer.h"

using namespace weir;
using namespace weir::gateway;

namespace {

namespace fs = std::filesystem;

// A gateway of site west, whose ledger holds the ends that are written there.
struct Gateway {
    explicit Gateway(const std::function<void(std::ostream&)>& write)
        : folder(make_folder(write)), board(std::move(*Records::open(folder))) {}
    ~Gateway() { fs::remove_all(folder); }
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    static fs::path make_folder(const std::function<void(std::ostream&)>& write) {
        std::string name = (fs::temp_directory_path() / "weir-report-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        std::ofstream file(fs::path(name) / "finished.jsonl");
        write(file);
        return name;
    }
    // As weirctld reads it.
    SiteLook told(std::uint64_t after = 0) {
        const auto looks = observe::read_sites(report(board, "gw1", {"west"}, after), Time(Duration(5000)));
        REQUIRE(looks);
        REQUIRE(looks->size() == 1);
        return looks->front();
    }

    fs::path folder;
    Board board;
};

Record record_of(std::uint32_t job) {
    Record record;
    record.run.job = JobId{job};
    record.run.label = std::to_string(job);
    record.run.stage = RunStage::kRunning;
    record.site = "west";
    record.name = "weir.0011." + record.run.label + ".ab";
    return record;
}

Record ended_record(std::uint32_t job, const std::string& site = "west") {
    Record record = record_of(job);
    record.run.stage = RunStage::kFinished;
    record.run.sequence = job;
    record.site = site;
    return record;
}

}  // namespace

TEST_CASE("a gateway tells which ledger numbers what has ended, and whether there is more", "[gateway]") {
    Record ended;
    Gateway gateway([&](std::ostream& lines) {
        for (std::uint32_t job = 1; job <= 1001; ++job) {
            ended = ended_record(job);
            lines << to_json(ended) << '\n';
        }
    });
    CHECK(gateway.told().ledger.size() == 16);
    CHECK(gateway.told().ledger == gateway.board.records().id());
    const SiteLook first = gateway.told();
    CHECK(first.finished.size() == 1000);
    CHECK(first.more);
    const SiteLook rest = gateway.told(first.finished.back().sequence);
    CHECK(rest.finished == std::vector<RemoteRun>{ended.run});
    CHECK_FALSE(rest.more);
}

TEST_CASE("what ended at a site that is served no more holds back no other", "[gateway]") {
    Gateway gateway([](std::ostream& lines) {
        for (std::uint32_t job = 1; job <= 1001; ++job) lines << to_json(ended_record(job, "gone")) << '\n';
        lines << to_json(ended_record(1002)) << '\n';
    });
    REQUIRE(gateway.told().finished.size() == 1);
    CHECK(gateway.told().finished.front().sequence == 1002);
    CHECK_FALSE(gateway.told().more);
}

TEST_CASE("a copy that is being taken back is told as withdrawn before it has ended", "[gateway]") {
    Gateway gateway([](std::ostream&) {});
    Record record = record_of(1);
    gateway.board.put(record);
    CHECK_FALSE(gateway.told().runs.front().withdrawn);
    record.withdrawal = Withdrawal::kWaitedLong;
    gateway.board.put(record);
    REQUIRE(gateway.told().runs.size() == 1);
    CHECK(gateway.told().runs.front().withdrawn);
}
