// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "plugin/gateway/rest/messages.h"
#include "plugin/gateway/rest/token.h"
#include "tests/unit/rest/recordings.h"

namespace weir::rest::test {

namespace {

// Whether any reader takes the text for what it reads.
bool read_by_any(int status, const std::string& body) {
    bool any = read_submitted(status, body).has_value();
    any = read_job(status, body).has_value() || any;
    any = read_jobs(status, body).has_value() || any;
    any = read_states(status, body).has_value() || any;
    any = read_nodes(status, body).has_value() || any;
    any = read_ping(status, body).has_value() || any;
    any = read_cancelled(status, body).has_value() || any;
    any = versions_offered(status, body).has_value() || any;
    return any;
}

// Where to cut: everywhere near both ends, and a few places between.
std::vector<std::size_t> cuts(std::size_t length) {
    constexpr std::size_t kEnds = 6;
    constexpr std::size_t kBetween = 8;
    std::vector<std::size_t> places;
    const std::size_t step = std::max<std::size_t>(1, length / kBetween);
    for (std::size_t at = 0; at < length; at += at < kEnds || at + kEnds >= length ? 1 : step)
        places.push_back(at);
    for (std::size_t at = length - std::min(length, kEnds); at < length; ++at) places.push_back(at);
    return places;
}

}  // namespace

TEST_CASE("an answer that was cut anywhere is never a success", "[rest]") {
    for (const Recording& recording : recordings()) {
        for (const auto& [name, reply] : recording.replies) {
            INFO(recording.file << " " << name);
            for (const std::size_t length : cuts(reply.body.size())) {
                INFO("cut to " << length << " of " << reply.body.size());
                if (read_by_any(reply.status, reply.body.substr(0, length))) FAIL();
            }
        }
    }
}

TEST_CASE("answers with bytes that were changed break nothing", "[rest]") {
    std::mt19937 random(20260801);
    for (const Recording& recording : recordings()) {
        for (const auto& [name, reply] : recording.replies) {
            for (int round = 0; round < 4 && !reply.body.empty(); ++round) {
                std::string body = reply.body;
                for (int flips = 0; flips <= round; ++flips)
                    body[random() % body.size()] = static_cast<char>(random() % 256);
                read_by_any(reply.status, body);
                // The same in a place that is surely read.
                body = reply.body;
                const std::size_t colon = body.find(':', random() % body.size());
                if (colon != std::string::npos && colon + 1 < body.size())
                    body[colon + 1] = "-9{[\"n\0\xFF"[random() % 8];
                read_by_any(reply.status, body);
            }
        }
    }
    SUCCEED();
}

TEST_CASE("a token tells until when it is good, if it does", "[rest]") {
    // {"alg":"HS256"} . {"exp":1700000000,"iat":1,"sun":"w-alice"} . any
    CHECK(good_until("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE3MDAwMDAwMDAsImlhdCI6MSwic3VuIjoidy1hbGljZSJ9.c2ln") ==
          Time(Duration(1700000000)));
    for (const char* other : {"", ".", "..", "a.b.c", "a.!!.c", "a.eyJleHAiOiJ4In0.c", "no.such.token"})
        CHECK(!good_until(other));
}

}  // namespace weir::rest::test
