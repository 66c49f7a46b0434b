// SPDX-License-Identifier: GPL-2.0-or-later
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "plugin/controller/ledger_file.h"

using namespace weir;
using namespace weir::controller;
namespace fs = std::filesystem;

namespace {

Time at(std::int64_t seconds) {
    return Time(Duration(seconds));
}

Consolidation moves() {
    Move saving;
    saving.job = JobId{11};
    saving.label = "11_3";
    saving.user = "alice";
    saving.from = {"t1", "t2"};
    saving.to = {"t3", "t4"};
    saving.goal = "job_41";
    saving.why = "moved so that t1 and t2 have room: job 41 waits, \"quoted\"\n";
    saving.gpus = weir::Gpus{2};
    saving.price = weir::GpuSeconds{640};
    saving.restarts = 3;
    saving.begun = at(2000);
    saving.stage = MoveStage::kSave;
    saving.asked = at(2002);
    Move moved = saving;
    moved.job = JobId{9};
    moved.stage = MoveStage::kFree;
    moved.requeued = at(2010);
    moved.pinned = at(2012);
    moved.started = at(2020);
    moved.ended = at(2025);
    Move failed = moved;
    failed.job = JobId{8};
    failed.stage = MoveStage::kUndo;
    failed.failure = "it is held";
    failed.blameless = true;
    failed.ended = at(2030);
    Clearing room;
    room.goal = "job_41";
    room.for_job = JobId{41};
    room.nodes = {"t1", "t2"};
    room.why = "job 41 waits";
    room.price = weir::GpuSeconds{900};
    room.gain = weir::GpuSeconds{57'600};
    room.since = at(1990);
    Clearing lend;
    lend.goal = lend.rule = "inference";
    lend.nodes = {"t5"};
    lend.since = at(1980);
    return {{saving},
            {moved, failed},
            {lend, room},
            {{"job_40", at(4000)}, {"tidy", at(3000)}},
            {{"alice", 7, 2}, {"bob", 1, 0}}};
}

Ledger full_ledger() {
    Loan lent;
    lent.rule = "inference";
    lent.node = "t1";
    lent.from = "train";
    lent.since = at(1000);
    lent.why = "job 7 waits, \"quoted\"\n";
    lent.for_job = JobId{7};
    lent.confirmed = true;
    lent.unused_since = at(1010);
    Loan leaving = lent;
    leaving.node = "t2";
    leaving.unused_since.reset();
    leaving.vacating = Vacating{at(1020), "the owner wants it", JobId{9}, true, {{JobId{7}, at(1021)}}};
    RuleState state;
    state.rule = "inference";
    state.backoff = Duration(300);
    state.last_flip = at(1020);
    state.lend_after = at(1320);
    state.last_write = at(1021);
    state.held_home = true;
    IdleJob idle;
    idle.job = JobId{17};
    idle.started = at(500);
    idle.spells = {{"t1", 3, weir::Verdict::kHung, at(600), ""}};
    idle.before = weir::GpuSeconds{90};
    idle.all_since = at(700);
    idle.notified = at(710);
    idle.told = "1 hung of 1 GPU";
    idle.told_at = at(705);
    weir::ServiceState chat;
    chat.service = "chat";
    chat.wanted = 3;
    chat.why = "raised from 2: waiting is 12, target 4";
    chat.changed = at(800);
    chat.pin = weir::Pin{3, at(2000), "root"};
    chat.replicas = {
        {JobId{20}, 1, at(801), at(802), at(810), {}, {}},
        {JobId{21}, 2, at(801), at(803), at(812), {}, weir::Drain{at(900), "2 replicas wanted", at(905)}}};
    chat.attempts = {{3, at(910)}};
    chat.quiet = at(870);
    chat.failures = 2;
    chat.failed = at(860);
    chat.failure = "chat-3 (job 19) ended FAILED before it was ready";
    Ledger ledger;
    ledger.loans = {lent, leaving};
    ledger.rules = {state};
    ledger.idle = {idle};
    ledger.services = {chat};
    ledger.consolidation = moves();
    ledger.paused = true;
    ledger.paused_by = "root";
    return ledger;
}

class Folder {
  public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "weir-ledger-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }
    ~Folder() { fs::remove_all(path_); }
    fs::path operator/(const char* name) const { return path_ / name; }

  private:
    fs::path path_;
};

}  // namespace

TEST_CASE("a ledger is read back as it was written") {
    const Ledger ledger = full_ledger();
    const auto again = ledger_from_json(to_json(ledger));
    REQUIRE(again);
    CHECK(*again == ledger);
}

TEST_CASE("keys of a newer minor version are ignored and a newer version is refused by name") {
    std::string text = to_json(full_ledger());
    const auto with_more = text.replace(text.find("\"paused\""), 0, "\"later\": {\"a\": [1]}, ");
    REQUIRE(ledger_from_json(with_more));
    const auto newer = ledger_from_json(R"({"version": 2, "loans": [], "rules": []})");
    REQUIRE_FALSE(newer);
    CHECK(newer.error().message == "written by a newer Weir (version 2, known is 1)");
}

TEST_CASE("a ledger of before there were moves is read as one without any") {
    Ledger ledger = full_ledger();
    std::string text = to_json(ledger);
    const auto begin = text.find("\"consolidation\"");
    const auto end = text.find("\"paused\"");
    REQUIRE((begin != std::string::npos && end != std::string::npos && begin < end));
    const auto older = ledger_from_json(text.erase(begin, end - begin));
    REQUIRE(older);
    ledger.consolidation = {};
    CHECK(*older == ledger);
}

TEST_CASE("a move of a stage that is not known is taken back") {
    for (const char* stage : {"6", "-1", "99"}) {
        CAPTURE(stage);
        Ledger ledger = full_ledger();
        std::string text = to_json(ledger);
        const std::string known = "\"stage\": 1";
        const auto place = text.find(known);
        REQUIRE(place != std::string::npos);
        text.replace(place, known.size(), "\"stage\": " + std::string(stage));
        const auto read = ledger_from_json(text);
        REQUIRE(read);
        ledger.consolidation.moves[0].stage = MoveStage::kUndo;
        CHECK(*read == ledger);
    }
}

TEST_CASE("moves and clearings are in order however a ledger has them, and a past one has an end") {
    Ledger ledger = full_ledger();
    Consolidation& all = ledger.consolidation;
    Move other = all.moves[0];
    other.job = JobId{5};
    const Consolidation sorted{{other, all.moves[0]}, all.past, all.clearings, all.rests, all.records};
    all.moves.push_back(other);
    std::swap(all.clearings[0], all.clearings[1]);
    std::swap(all.rests[0], all.rests[1]);
    std::swap(all.records[0], all.records[1]);
    all.past[0].ended.reset();
    const auto read = ledger_from_json(to_json(ledger));
    REQUIRE(read);
    CHECK(read->consolidation.moves == sorted.moves);
    CHECK(read->consolidation.clearings == sorted.clearings);
    CHECK(read->consolidation.rests == sorted.rests);
    CHECK(read->consolidation.records == sorted.records);
    CHECK(read->consolidation.past[0].ended == read->consolidation.past[0].begun);
}

TEST_CASE("every truncation of a ledger is an error and never a crash") {
    const std::string text = to_json(full_ledger());
    for (std::size_t size = 0; size + 2 < text.size(); ++size)
        CHECK_FALSE(ledger_from_json(text.substr(0, size)));
}

TEST_CASE("a missing ledger is an empty one and a saved one replaces the old whole") {
    const Folder folder;
    const fs::path file = folder / "ledger.json";
    const auto none = load_ledger(file);
    REQUIRE(none);
    CHECK(*none == Ledger{});
    REQUIRE(save_ledger(file, full_ledger()));
    REQUIRE(save_ledger(file, Ledger{}));
    CHECK(*load_ledger(file) == Ledger{});
    CHECK_FALSE(fs::exists(folder / "ledger.json.new"));
}

TEST_CASE("a ledger that cannot be written names the file and the reason") {
    const auto saved = save_ledger("/nonexistent/ledger.json", Ledger{});
    REQUIRE_FALSE(saved);
    CHECK(saved.error().message == "writing /nonexistent/ledger.json.new: No such file or directory");
}
