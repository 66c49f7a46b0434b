// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/cli/read.h"
#include "tests/unit/cli/answers.h"

using namespace weir;
using namespace weir::cli;
using testing::look;

TEST_CASE("a long sentence goes on under its beginning", "[cli]") {
    CHECK(wrapped("  - ", "one two three four", 4, look(12)) == "  - one two\n    three\n    four\n");
    CHECK(wrapped("", "", 2, look(12)) == "\n");
}

TEST_CASE("a word longer than a line is broken", "[cli]") {
    CHECK(wrapped("", "abcdefghijklmnop", 2, look(8)) == "abcdefgh\n  ijklmn\n  op\n");
    CHECK(wrapped("12345678", "abc", 2, look(8)) == "12345678\n  abc\n");
}

TEST_CASE("a command between backquotes stays on one line", "[cli]") {
    CHECK(wrapped("", "or run `weir resume` now", 2, look(15)) == "or run\n  `weir resume`\n  now\n");
}

TEST_CASE("characters of several bytes count once and are not cut apart", "[cli]") {
    CHECK(columns("añb") == 3);
    CHECK(shortened("añbc", 3) == "añ+");
    CHECK(shortened("añb", 3) == "añb");
    CHECK(shortened("abc", 0) == "");
}

TEST_CASE("times near by are told by the clock and others by the day", "[cli]") {
    const Look at = look(80);
    CHECK(clock(at.now - Duration(252), at) == "11:55:48");
    CHECK(clock(at.now - std::chrono::days(2), at) == "Jan 29 12:00");
    CHECK(since(at.now - Duration(252), at) == "4m12s");
    CHECK(since(at.now - Duration(7325), at) == "2h2m");
    CHECK(since(at.now - std::chrono::days(2) - Duration(90), at) == "2d");
    CHECK(since(at.now + Duration(3), at) == "0s");
}

TEST_CASE("nothing that weirctld says reaches the terminal as a command", "[cli]") {
    CHECK(harmless("a\x1b[31mb\nc\td\x7f") == "a?[31mb?c?d?");
    CHECK(harmless("a\xc2\x9b"
                   "31mb") == "a?31mb");
    CHECK(harmless("näh") == "näh");
    const json status = {{"problem", "a\x1b[2J"}};
    CHECK(text_of(status, "problem") == "a?[2J");
}

TEST_CASE("members that are missing or of another kind read as nothing", "[cli]") {
    const json object = {{"name", 3}, {"number", "x"}, {"list", {"a", 1, nullptr}}, {"at", nullptr}};
    CHECK(text_of(object, "name") == "");
    CHECK(number_of(object, "number") == 0);
    CHECK(texts_of(object, "list") == std::vector<std::string>{"a"});
    CHECK(texts_of(object, "name").empty());
    CHECK_FALSE(time_of(object, "at"));
    CHECK_FALSE(flag_of(object, "none"));
    CHECK(text_of(json(), "name") == "");
}

TEST_CASE("colour surrounds lines and never their ends", "[cli]") {
    Look at = look(80);
    CHECK(painted(Paint::kTrouble, "a\nb\n", at) == "a\nb\n");
    at.colour = true;
    CHECK(painted(Paint::kTrouble, "a\nb\n", at) == "\x1b[31ma\x1b[0m\n\x1b[31mb\x1b[0m\n");
    CHECK(painted(Paint::kHeading, "a", at) == "\x1b[1ma\x1b[0m");
}
