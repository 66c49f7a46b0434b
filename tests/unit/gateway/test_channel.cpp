// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>

#include "plugin/gateway/channel.h"

using namespace weir::gateway;

TEST_CASE("a message that is too long is told from a line that is down", "[gateway]") {
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    Channel here{Descriptor(ends[0])};
    std::optional<Channel> there{Channel{Descriptor(ends[1])}};
    const auto sent = here.send({{"do", "run"}, {"arguments", std::string(kMostPacket, 'x')}});
    REQUIRE_FALSE(sent);
    CHECK(sent.error().code == EMSGSIZE);
    CHECK(sent.error().message == "a message is longer than 128 KiB");
    CHECK(here.send({{"do", "alive"}}));
    const auto got = there->receive();
    REQUIRE((got && *got));
    CHECK((*got)->kind() == "alive");
    there.reset();
    const auto lost = here.send({{"do", "alive"}});
    REQUIRE_FALSE(lost);
    CHECK(lost.error().code != EMSGSIZE);
}
