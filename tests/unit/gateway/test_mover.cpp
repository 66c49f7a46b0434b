// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "plugin/gateway/mover.h"

using namespace weir;
using namespace weir::gateway;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

// A gateway's board, and movers for a site whose file server nobody answers for.
struct Work {
    Work() {
        connection.site = "west";
        connection.sftp_host = "127.0.0.1";
        connection.sftp_port = 1;
        connection.key_file = folder / "key";
        std::ofstream(connection.key_file) << "key\n";
        ::chmod(connection.key_file.c_str(), 0600);
    }
    ~Work() { fs::remove_all(folder); }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

    static fs::path fresh() {
        std::string name = (fs::temp_directory_path() / "weir-mover-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        return name;
    }

    // A copy whose relay is there.
    Live& copy(
        std::uint32_t job, RunStage stage, const std::string& account = "w-alice",
        const std::function<void(Record&)>& more = [](Record&) {}) {
        Record record;
        record.run.job = JobId{job};
        record.run.label = std::to_string(job);
        record.run.remote_user = account;
        record.run.stage = stage;
        record.site = "west";
        record.name = "weir.0011." + std::to_string(job) + ".ab";
        record.directory = "/scratch/" + record.name;
        more(record);
        REQUIRE(board.put(record));
        Live& live = board.live(job);
        live.connection = job;
        live.heard = Clock::now();
        return live;
    }
    const Record& record(std::uint32_t job) { return *board.records().find(job); }
    Mover mover(bool quick) { return Mover(connection, board, quick, stopping); }

    fs::path folder = fresh();
    config::SiteConnection connection;
    std::atomic<bool> stopping = false;
    Board board{*Records::open(folder)};
};

void with_output(Record& record) {
    record.output = record.directory + ".out";
}

}  // namespace

TEST_CASE("a copy with nothing to bring back ends while others move large files", "[gateway]") {
    Work work;
    Mover quick = work.mover(true);
    work.copy(17, RunStage::kFetching);
    while (quick.round()) continue;
    CHECK(work.record(17).fetched);

    work.copy(18, RunStage::kFetching, "w-alice", [](Record& it) { it.stage_out = {"results"}; });
    while (quick.round()) continue;
    CHECK_FALSE(work.record(18).fetched);

    work.copy(19, RunStage::kFetching, "w-alice",
              [](Record& it) {
                  it.stage_out = {"results"};
                  it.withdrawal = Withdrawal::kCancelled;
              })
        .connection = 0;
    while (quick.round()) continue;
    CHECK(work.record(19).fetched);
}

TEST_CASE("one account does not hold all movers of a site", "[gateway]") {
    Work work;
    for (const std::uint32_t job : {1, 2, 3, 4})
        work.copy(job, RunStage::kFinished, job == 4 ? "w-bob" : "w-alice").seen_ended = true;
    for (const std::uint32_t job : {1, 2}) {
        work.board.live(job).moving = 1000 + job;
        work.board.live(job).slowly = true;
    }
    Mover mover = work.mover(false);
    while (mover.round()) continue;
    CHECK(work.board.live(4).clean);
    CHECK_FALSE(work.board.live(3).clean);
    work.board.live(2).moving = 0;
    work.board.live(2).seen_ended = false;
    while (mover.round()) continue;
    CHECK(work.board.live(3).clean);
}

TEST_CASE("a relay that is stopped keeps no mover", "[gateway]") {
    Work work;
    Mover mover = work.mover(false);
    Live& live = work.copy(17, RunStage::kStaging);
    live.heard = Clock::now() - kLongSilence - 1s;
    CHECK_FALSE(mover.round());
    live.heard = Clock::now() - kLongSilence + 500ms;
    const auto began = Clock::now();
    CHECK(mover.round());  // asks it for files
    CHECK(Clock::now() - began < 10s);
    CHECK_FALSE(work.record(17).staged);
    CHECK(work.board.site("west").files.text.empty());  // no trouble of the site's
}

TEST_CASE("an answer that comes late is not taken for one to the next question", "[gateway]") {
    Work work;
    work.copy(17, RunStage::kStaging);
    work.board.wake = [&] {
        const auto& letter = work.board.letters().back().second.what;
        if (letter.at("do") != "first_in") return;
        const auto ticket = letter.at("ticket").get<std::uint64_t>();
        auto& answers = work.board.answers()[17];
        answers.push_back({{{"do", "in_error"}, {"text", "late"}, {"ticket", ticket - 1}}, {}, {}});
        answers.push_back({{{"do", "in_end"}, {"skipped", {"a"}}, {"more", 7}, {"ticket", ticket}}, {}, {}});
    };
    CHECK(work.mover(false).round());
    CHECK(work.record(17).staged);
    CHECK_FALSE(work.record(17).outcome);
    CHECK(work.board.letters().back().second.what.at("text").get<std::string>() ==
          "each of 7 more is not sent: it leads elsewhere, or is no file");
}

TEST_CASE("a relay that comes anew is not told where the one before stood", "[gateway]") {
    Work work;
    Live& live = work.copy(17, RunStage::kRunning, "w-alice", with_output);
    work.board.wake = [&] { live.connection = 99; };  // while the site is asked for more
    CHECK(work.mover(true).round());
    CHECK(live.streams[0].troubles == 0);
    work.board.wake = [] {};
    live.next_move = {};
    CHECK(work.mover(true).round());
    CHECK(live.streams[0].troubles == 1);
}

TEST_CASE("a mover that still works on an earlier copy of a job leaves the next one's state alone",
          "[gateway]") {
    Work work;
    work.copy(17, RunStage::kRunning, "w-alice", with_output);
    work.board.wake = [&] {
        work.board.lives().erase(17);
        work.board.live(17).moving = 12345;  // in another's hands
    };
    CHECK(work.mover(true).round());
    CHECK(work.board.live(17).moving == 12345);
    CHECK(work.board.live(17).next_move == Clock::time_point{});
    CHECK(work.board.live(17).streams[0].troubles == 0);
}

TEST_CASE("a mover that fails gives back what it worked on", "[gateway]") {
    Work work;
    Live& live = work.copy(17, RunStage::kRunning, "w-alice", with_output);
    work.board.wake = [] { throw std::runtime_error("no memory"); };
    CHECK_THROWS(work.mover(true).round());
    CHECK(live.moving == 0);
    CHECK(live.next_move > Clock::now());
}

TEST_CASE("what is left at a site is all that nobody needs", "[gateway]") {
    Record record;
    record.directory = "/s/weir.0011.17.ab";
    record.output = record.directory + ".out";
    record.errors = record.directory + ".err";
    record.left = {"/s/weir.0011.17.aa"};
    using Paths = std::vector<std::string>;
    CHECK(litter(record, false) == record.left);  // it has not been there
    record.run.asked = Time{};
    CHECK(litter(record, false) ==
          Paths{"/s/weir.0011.17.aa", record.directory, record.output, record.errors});
    record.kept = true;
    CHECK(litter(record, true) == record.left);
    CHECK(litter(record, false) == Paths{"/s/weir.0011.17.aa", record.output, record.errors});
    record.output_kept = true;
    const auto again = read_record(to_json(record));
    REQUIRE(again);
    CHECK(litter(*again, false) == record.left);
}
