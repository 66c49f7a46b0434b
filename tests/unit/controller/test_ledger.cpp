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
    return {{lent, leaving}, {state}, {idle}, {chat}, true, "root"};
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
