// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>

#include "plugin/gateway/channel.h"
#include "plugin/gateway/relay/output.h"

using namespace weir::gateway;
using namespace std::chrono_literals;

TEST_CASE("output is written once and in order, whatever comes again", "[gateway]") {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    const Descriptor reading(ends[0]);
    const Descriptor writing(ends[1]);
    Output output(writing.get());
    output.take(0, "one ");
    output.take(0, "one ");
    output.take(4, "two");
    output.flush();
    output.take(3, " two");
    output.take(9, "lost?");
    output.flush();
    CHECK(output.written() == 7);
    CHECK(output.missing() == 0);
    std::array<char, 64> got{};
    CHECK(std::string(got.data(), static_cast<std::size_t>(read(reading.get(), got.data(), got.size()))) ==
          "one two");
}

TEST_CASE("output waits for room, for a while, and what is lost is counted", "[gateway]") {
    const Descriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
    REQUIRE(full);
    Output patient(full.get());
    patient.take(0, "bytes");
    patient.flush();
    CHECK(patient.written() == 0);
    CHECK(patient.missing() == 5);
    patient.restart(0);
    CHECK(patient.missing() == 0);
    Output hasty(full.get(), 0ms);
    hasty.take(0, "bytes");
    hasty.flush();
    CHECK(hasty.written() == 5);
    CHECK(hasty.missing() == 5);
    CHECK(is_full(ENOSPC));
    CHECK_FALSE(is_full(EIO));
}
