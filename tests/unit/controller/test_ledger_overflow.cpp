// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/controller/ledger_file.h"

using namespace weir;
using namespace weir::controller;
using namespace std::chrono_literals;

namespace {

Time at(std::int64_t seconds) {
    return Time(Duration(seconds));
}

Ledger ledger_with_sites() {
    Ledger ledger;
    Overflow& all = ledger.overflow;
    all.installation = "00000000deadbeef";
    Nomination one;
    one.job = {17};
    one.submitted = at(100);
    one.label = "17_5";
    one.user = "alice";
    one.site = "west";
    one.partition = "west";
    one.home = {"train", "debug"};
    one.budget = "spill";
    one.since = at(200);
    one.restarts = 1;
    one.limit = 2h;
    one.home_start = at(9000);
    one.gpus = 4;
    one.worst = {12'345'678};
    one.egress = {5'000'000'000};
    one.vouchers = {{"gift", {7200}}};
    one.why = "it is cheaper there";
    one.confirmed = true;
    one.started_with = 1;
    one.extended = true;
    one.gone = at(300);
    Nomination other;
    other.job = {17};
    other.label = "17_6";
    other.settled = true;
    other.back = true;
    all.nominations = {one, other};
    all.leanings = {{{18}, "east", at(50)}, {{18}, "west", at(60)}};
    all.rests = {{{19}, "19", at(700), "it has come back from west"}};
    all.vouchers = {{"west", "gift", {3600}}};
    all.spendings = {{"spill", "west", 20000, {5'000'000}, {36000}}};
    all.settled = {{"east", 3, ""}, {"west", 12'345'678'901, "feed"}};
    return ledger;
}

}  // namespace

TEST_CASE("what overflow remembers outlives weirctld") {
    const Ledger ledger = ledger_with_sites();
    const auto read = ledger_from_json(to_json(ledger));
    REQUIRE(read);
    CHECK(*read == ledger);
}

TEST_CASE("nominations, spending and what is settled are in order however a ledger has them") {
    Ledger ledger = ledger_with_sites();
    std::swap(ledger.overflow.nominations[0], ledger.overflow.nominations[1]);
    std::swap(ledger.overflow.leanings[0], ledger.overflow.leanings[1]);
    std::swap(ledger.overflow.settled[0], ledger.overflow.settled[1]);
    const auto read = ledger_from_json(to_json(ledger));
    REQUIRE(read);
    CHECK(*read == ledger_with_sites());
}

TEST_CASE("a ledger of before there were sites is read as one without any") {
    Ledger ledger = ledger_with_sites();
    std::string text = to_json(ledger);
    const auto begin = text.find("\"overflow\"");
    const auto end = text.find("\"paused\"");
    REQUIRE((begin != std::string::npos && end != std::string::npos && begin < end));
    const auto older = ledger_from_json(text.erase(begin, end - begin));
    REQUIRE(older);
    ledger.overflow = {};
    CHECK(*older == ledger);
}
