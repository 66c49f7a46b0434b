// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/gateway/stream.h"

using namespace weir::gateway;
using namespace std::chrono_literals;

TEST_CASE("looks before the end of a copy do not tell that its output is whole", "[gateway]") {
    Stream stream;
    for (int look = 0; look < 10; ++look) note(stream, Seen::kNothing, false);
    note(stream, Seen::kNothing, true);
    note(stream, Seen::kNothing, true);
    CHECK_FALSE(stream.at_end);
    note(stream, Seen::kMore, true);  // late
    for (int look = 0; look < 2; ++look) note(stream, Seen::kNothing, true);
    CHECK_FALSE(stream.at_end);
    note(stream, Seen::kNothing, true);
    CHECK((stream.at_end && !stream.unread));
}

TEST_CASE("a line that is down is tried for ever, more and more seldom", "[gateway]") {
    std::array<Stream, 2> streams;
    note_none(streams[1], true);
    std::vector<std::chrono::milliseconds> rests;
    for (int look = 0; look < 6; ++look) {
        note(streams[0], Seen::kTrouble, true);
        rests.push_back(rest_after(streams, true));
    }
    CHECK(rests == std::vector<std::chrono::milliseconds>{2s, 4s, 8s, 16s, 16s, 16s});
    CHECK_FALSE(streams[0].at_end);
    note(streams[0], Seen::kMore, true);
    CHECK(rest_after(streams, true) == 50ms);
}

TEST_CASE("output that cannot be read is given up once its copy has ended, not before", "[gateway]") {
    Stream stream;
    for (int look = 0; look < 10; ++look) note(stream, Seen::kRefused, false);
    CHECK_FALSE(stream.at_end);
    for (int look = 0; look < 4; ++look) note(stream, Seen::kRefused, true);
    note(stream, Seen::kTrouble, true);  // says nothing of the file
    for (int look = 0; look < 4; ++look) note(stream, Seen::kRefused, true);
    CHECK_FALSE(stream.at_end);
    note(stream, Seen::kRefused, true);
    CHECK((stream.at_end && stream.unread));
    CHECK(rest_after({stream, stream}, true) < 1s);
}

TEST_CASE("a copy that runs is looked at the more seldom the less it says", "[gateway]") {
    std::array<Stream, 2> streams;
    note_none(streams[1], false);
    std::vector<std::chrono::milliseconds> rests;
    for (int look = 0; look < 7; ++look) {
        rests.push_back(rest_after(streams, false));
        note(streams[0], Seen::kNothing, false);
    }
    CHECK(rests == std::vector<std::chrono::milliseconds>{500ms, 1s, 2s, 4s, 4s, 4s, 4s});
}
