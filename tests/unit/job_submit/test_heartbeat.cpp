// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <random>

#include "plugin/job_submit/heartbeat.h"

using namespace weir;
using namespace weir::job_submit;

namespace {

Heartbeat example() {
    Heartbeat heartbeat;
    heartbeat.at = 1'700'000'000;
    heartbeat.valid_for = Duration(45);
    heartbeat.sites = {{"west", "gw_west", {1000, 1001}}, {"east", "gw east", {1001, 2000}}};
    heartbeat.overflow = {{"spill", false, {"train", "batch"}, {"west"}},
                          {"never+here", true, {"secret"}, {}}};
    heartbeat.rules = {
        {"inference",
         "weir_inference",
         false,
         {},
         {},
         {{4, 64, 512'000, {{"h100", 8, 0}}}, {2, 32, 128'000, {}}}},
        {"debug",
         "weir_debug",
         true,
         {1000, 4'294'967'294U},
         {"serving", "odd name"},
         {{1, 8, 1000, {{"", 2, 0}}}}},
        {"closed", "weir_closed", true, {}, {}, {}},
    };
    return heartbeat;
}

constexpr std::string_view kExampleText =
    "weir heartbeat 2\n"
    "at 1700000000\n"
    "valid_for 45\n"
    "site west\n"
    "gateway gw_west\n"
    "site east\n"
    "gateway gw east\n"
    "site_users 0 1000\n"
    "site_users 0,1 1001\n"
    "site_users 1 2000\n"
    "overflow spill\n"
    "overflow_from train\n"
    "overflow_from batch\n"
    "overflow_to west\n"
    "overflow never+here\n"
    "forbidden\n"
    "overflow_from secret\n"
    "rule\n"
    "partition inference\n"
    "reservation weir_inference\n"
    "restricted no\n"
    "shape 4 64 512000 h100=8\n"
    "shape 2 32 128000\n"
    "rule\n"
    "partition debug\n"
    "reservation weir_debug\n"
    "restricted yes\n"
    "uids 1000 4294967294\n"
    "account serving\n"
    "account odd name\n"
    "shape 1 8 1000 =2\n"
    "rule\n"
    "partition closed\n"
    "reservation weir_closed\n"
    "restricted yes\n"
    "end\n";

}  // namespace

TEST_CASE("a heartbeat is written as documented", "[job_submit][heartbeat]") {
    CHECK(to_text(example()) == kExampleText);
}

TEST_CASE("a heartbeat is read back as it was written", "[job_submit][heartbeat]") {
    CHECK(parse(to_text(example())) == example());
    CHECK(parse(to_text(Heartbeat{})) == Heartbeat{});
}

TEST_CASE("a heartbeat that was cut off anywhere is not read", "[job_submit][heartbeat]") {
    for (std::size_t size = 0; size < kExampleText.size(); ++size) {
        CAPTURE(size);
        CHECK_FALSE(parse(kExampleText.substr(0, size)));
    }
}

TEST_CASE("words of a later writer are passed over", "[job_submit][heartbeat]") {
    std::string text(kExampleText);
    text.insert(text.find("\nat ") + 1, "by weirctld 9.1\nmood\n");
    text.insert(text.find("gateway"), "colour red\n");
    text.insert(text.find("overflow_from"), "mood\n");
    text.insert(text.find("shape 4"), "licence matlab 4\n");
    CHECK(parse(text) == example());
}

TEST_CASE("what is no heartbeat of this version is not read", "[job_submit][heartbeat]") {
    const auto text = GENERATE(
        "", "\n", "end\n", "weir heartbeat 3\nend\n", "weir heartbeat 2\nat soon\nend\n",
        "weir heartbeat 2\nvalid_for -5\nend\n", "weir heartbeat 2\nvalid_for 99999999999\nend\n",
        "weir heartbeat 2\nrule\npartition p\nend\n", "weir heartbeat 2\nrule\nreservation r\nend\n",
        "weir heartbeat 2\nrule\npartition p\nreservation r\nrestricted maybe\nend\n",
        "weir heartbeat 2\nrule\npartition p\nreservation r\nuids 1 x\nend\n",
        "weir heartbeat 2\nrule\npartition p\nreservation r\nuids -1\nend\n",
        "weir heartbeat 2\nrule\npartition p\nreservation r\nshape 1 2\nend\n",
        "weir heartbeat 2\nrule\npartition p\nreservation r\nshape 1 2 3 h100\nend\n",
        "weir heartbeat 2\nrule\npartition p\nreservation r\nshape 99999999 2 3\nend\n",
        "weir heartbeat 2\nrule\npartition p\tq\nreservation r\nend\n", "weir heartbeat 2\nend\nend\n",
        "weir heartbeat 2\nsite west\nend\n", "weir heartbeat 2\nsite\ngateway g\nend\n",
        "weir heartbeat 2\nsite west\ngateway g\nsite_users 0 -1\nend\n",
        "weir heartbeat 2\nsite west\ngateway g\nsite_users 1 1000\nend\n",
        "weir heartbeat 2\nsite west\ngateway g\nsite_users west 1000\nend\n",
        "weir heartbeat 2\nsite west\ngateway g\nsite_users 0,0 1000\nend\n");
    CAPTURE(text);
    CHECK_FALSE(parse(text));
    CHECK_FALSE(parse(std::string_view("weir heartbeat 2\nrule\npartition p\0q\nreservation r\nend\n", 54)));
}

TEST_CASE("a rule whose names cannot be written is left out", "[job_submit][heartbeat]") {
    Heartbeat heartbeat = example();
    heartbeat.rules[0].partition = "two\nlines";
    heartbeat.rules[1].accounts = {"bell\a"};
    heartbeat.rules[2].reservation.clear();
    heartbeat.sites[0].gateway = "two\nlines";
    heartbeat.overflow[0].sites = {"bell\a"};
    Heartbeat without = heartbeat;
    without.rules.clear();
    without.sites.erase(without.sites.begin());
    without.overflow.erase(without.overflow.begin());
    CHECK(parse(to_text(heartbeat)) == without);
}

TEST_CASE("reading survives any damage", "[job_submit][heartbeat]") {
    std::mt19937 random(20240601);
    for (int round = 0; round < 20'000; ++round) {
        std::string text(kExampleText);
        for (int edits = 1 + static_cast<int>(random() % 4); edits > 0 && !text.empty(); --edits) {
            const std::size_t at = random() % text.size();
            switch (random() % 3) {
            case 0:
                text[at] = static_cast<char>(random());
                break;
            case 1:
                text.erase(at, random() % 20);
                break;
            default:
                text.insert(at, 1 + random() % 3, kExampleText[random() % kExampleText.size()]);
            }
        }
        if (const auto heartbeat = parse(text)) {
            for (const Rule& rule : heartbeat->rules) (void)fits(rule, Request{});
        }
    }
}

TEST_CASE("a user stands in a heartbeat once, however many sites he may go to", "[job_submit][heartbeat]") {
    Heartbeat heartbeat;
    for (const char* name : {"a", "b", "c", "d"}) heartbeat.sites.push_back({name, name, {}});
    for (std::uint32_t uid = 100'000; uid < 150'000; ++uid)
        for (SiteEntry& site : heartbeat.sites) site.uids.push_back(uid);
    const std::string text = to_text(heartbeat);
    CHECK(text.size() < kMaxHeartbeatBytes);
    CHECK(parse(text) == heartbeat);
}
