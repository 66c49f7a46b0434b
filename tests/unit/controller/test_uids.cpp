// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/uids.h"

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::controller;
using namespace std::chrono_literals;

namespace {

// What the directory service says, and how often it was asked.
int asked = 0;
Result<std::optional<std::uint32_t>> answer;

Result<std::optional<std::uint32_t>> look_up(const std::string&) {
    ++asked;
    return answer;
}

Uids asking(Result<std::optional<std::uint32_t>> first) {
    asked = 0;
    answer = std::move(first);
    return Uids(look_up);
}

constexpr Time kStart{Duration(5000)};

}  // namespace

TEST_CASE("a user's uid is asked for once in ten minutes", "[heartbeat]") {
    Uids uids = asking(1001U);
    for (Duration passed{}; passed < 10min; passed += 10s) CHECK(uids.of("alice", kStart + passed) == 1001U);
    CHECK(asked == 1);
    answer = std::optional<std::uint32_t>(1002U);
    CHECK(uids.of("alice", kStart + 10min) == 1002U);
    CHECK(asked == 2);
    uids.of("bob", kStart + 10min);
    CHECK(asked == 3);
}

TEST_CASE("that there is no such user is remembered, too", "[heartbeat]") {
    Uids uids = asking(std::nullopt);
    CHECK_FALSE(uids.of("alice", kStart));
    CHECK_FALSE(uids.of("alice", kStart + 9min));
    CHECK(asked == 1);
}

TEST_CASE("what was known holds on while the directory service does not answer", "[heartbeat]") {
    Uids uids = asking(1001U);
    uids.of("alice", kStart);
    answer = failure("it is down");
    CHECK(uids.of("alice", kStart + 10min) == 1001U);
    CHECK(uids.of("alice", kStart + 10min + 30s) == 1001U);
    CHECK(asked == 2);
    answer = std::optional<std::uint32_t>();
    CHECK_FALSE(uids.of("alice", kStart + 11min));
}

TEST_CASE("the system's own users are found", "[heartbeat]") {
    const auto root = look_up_uid("root");
    REQUIRE(root);
    CHECK(*root == 0U);
    const auto nobody = look_up_uid("no-such-user-here");
    REQUIRE(nobody);
    CHECK_FALSE(*nobody);
}
