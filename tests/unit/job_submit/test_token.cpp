// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/job_submit/token.h"

namespace token = weir::job_submit::token;

TEST_CASE("a key is found in the token wherever it stands", "[job_submit][token]") {
    CHECK(token::get("weir:begin=17", "begin") == "17");
    CHECK(token::get("see ticket 4 weir:x=;begin=17 thanks", "begin") == "17");
    CHECK(token::get("two\nlines\tweir:begin=17;", "begin") == "17");
    CHECK(token::get("weir:x=a=b", "x") == "a=b");
}

TEST_CASE("nothing is found where there is no token", "[job_submit][token]") {
    CHECK_FALSE(token::get("", "begin"));
    CHECK_FALSE(token::get("weir: begin=17", "begin"));
    CHECK_FALSE(token::get("myweir:begin=17", "begin"));
    CHECK_FALSE(token::get("weir:begin", "begin"));
    CHECK_FALSE(token::get("weir:=17", "begin"));
    CHECK_FALSE(token::get("weir:beginning=17", "begin"));
}

TEST_CASE("a key is set beside the admin's own words and unknown keys", "[job_submit][token]") {
    CHECK(token::set("", "begin", "17") == "weir:begin=17");
    CHECK(token::set("see ticket 4", "begin", "17") == "see ticket 4 weir:begin=17");
    CHECK(token::set("see ticket 4\n", "begin", "17") == "see ticket 4\nweir:begin=17");
    CHECK(token::set("a weir:new=1;begin=9 b", "begin", "17") == "a weir:new=1;begin=17 b");
    CHECK(token::set("a weir:new=1 b", "begin", "17") == "a weir:new=1;begin=17 b");
    CHECK(token::set("weir: look here", "begin", "17") == "weir: look here weir:begin=17");
}

TEST_CASE("what would break the token is not set", "[job_submit][token]") {
    CHECK(token::set("a", "begin", "1 7") == "a");
    CHECK(token::set("a", "begin", "1;x=7") == "a");
    CHECK(token::set("a", "begin", "") == "a");
    CHECK(token::set("a", "be=gin", "17") == "a");
    CHECK(token::set("a", "", "17") == "a");
}

TEST_CASE("removing a key leaves everything else", "[job_submit][token]") {
    CHECK(token::remove("see weir:begin=17;new=1 there", "begin") == "see weir:new=1 there");
    CHECK(token::remove("see weir:new=1 there", "begin") == "see weir:new=1 there");
    CHECK(token::remove("see there", "begin") == "see there");
}

TEST_CASE("removing the last key removes the word and its blank", "[job_submit][token]") {
    CHECK(token::remove("weir:begin=17", "begin").empty());
    CHECK(token::remove("see weir:begin=17", "begin") == "see");
    CHECK(token::remove("weir:begin=17 there", "begin") == "there");
    CHECK(token::remove("see weir:begin=17 there", "begin") == "see there");
}

TEST_CASE("removing undoes setting", "[job_submit][token]") {
    const std::string comment = GENERATE("", "a", "a b", "weir: a", "weir:new=1", "a weir:new=1 b");
    CHECK(token::remove(token::set(comment, "begin", "17"), "begin") == comment);
}

TEST_CASE("the begin time is read as a time", "[job_submit][token]") {
    CHECK(token::begin("a weir:begin=1700000000") == weir::Time(weir::Duration(1'700'000'000)));
    CHECK_FALSE(token::begin("a weir:begin=soon"));
    CHECK_FALSE(token::begin("a weir:begin=17s"));
    CHECK_FALSE(token::begin("a"));
}

TEST_CASE("what a user said is read from the token, as an older version wrote it too", "[token]") {
    using namespace weir;
    using namespace weir::job_submit;
    CHECK(token::notice("by an admin weir:notice=B:TERM@60;x=1") == NoticeSignal{15, true, Duration(60)});
    CHECK(token::notice("weir:notice=USR1") == NoticeSignal{10, false, {}});
    CHECK(token::notice("weir:notice=15") == NoticeSignal{15, false, {}});
    CHECK(token::notice("weir:notice=B10") == NoticeSignal{10, true, {}});
    for (const char* text : {"", "weir:notice=", "weir:notice=B", "weir:notice=0", "weir:notice=99",
                             "weir:notice=10x", "weir:notice=TERM@soon"})
        CHECK_FALSE(token::notice(text));
    CHECK(token::checkpoint("weir:checkpoint=USR1@20,every=600s,colour=red") ==
          Checkpoint{10, Duration(20), Duration(600), {}});
    for (const char* text : {"", "weir:checkpoint=USR1", "weir:checkpoint=NEW@20", "weir:check=USR1@20"})
        CHECK_FALSE(token::checkpoint(text));
}

TEST_CASE("what a job is told takes the place of what it was told before, beside all else", "[token]") {
    using namespace weir;
    using namespace weir::job_submit;
    const Time first{std::chrono::sys_days{std::chrono::year(2026) / 1 / 31} + Duration(3661)};
    const std::string comment = token::tell("by an admin weir:notice=B15", first, "requeued: t1 goes home");
    CHECK(comment == "by an admin weir:notice=B15 [Weir 2026-01-31T01:01:01Z: requeued: t1 goes home]");
    CHECK(token::told(comment) == "2026-01-31T01:01:01Z: requeued: t1 goes home");
    const std::string later = token::tell(comment + " and more", first + Duration(1), "again");
    CHECK(later == "by an admin weir:notice=B15 [Weir 2026-01-31T01:01:02Z: again] and more");
    CHECK(token::get(later, token::kNotice) == "B15");
    CHECK(token::told("weir:notice=B15").empty());
    CHECK(token::told("[Weir without an end").empty());
}

TEST_CASE("what the user said of running elsewhere is read as it was noted", "[job_submit][token]") {
    weir::OverflowRequest all;
    all.wish = weir::OverflowWish::kAllow;
    all.sites = {"west", "east"};
    all.max_cost = weir::Money{12'500'000};
    all.latency = std::chrono::milliseconds(45);
    all.stage_in = weir::Bytes{1234};
    CHECK(token::overflow(
              "x weir:notice=TERM;overflow=allow:west,east;max_cost=12.5;latency=45ms;stage_in=1234 y") ==
          all);
    weir::OverflowRequest never;
    never.wish = weir::OverflowWish::kNever;
    CHECK(token::overflow("weir:overflow=never") == never);
    weir::OverflowRequest cheap;
    cheap.max_cost = weir::Money{5'000'000};
    CHECK(token::overflow("weir:max_cost=5.00") == cheap);
    for (const char* text :
         {"", "weir:checkpoint=USR1@20", "weir:overflow=later", "weir:max_cost=much;latency=5"})
        CHECK_FALSE(token::overflow(text));
}
