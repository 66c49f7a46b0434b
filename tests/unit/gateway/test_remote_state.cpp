// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <csignal>

#include "plugin/gateway/mover.h"
#include "plugin/gateway/remote_state.h"
#include "plugin/net/sftp.h"

using namespace weir;
using namespace weir::gateway;

namespace {

rest::Job ended_as(rest::State state, int exit_code = 0, int signal = 0) {
    rest::Job job;
    job.state = state;
    job.exit_code = exit_code;
    job.signal = signal;
    return job;
}

rest::Node site_node(const char* type, int total, int used) {
    rest::Node node;
    node.usable = true;
    node.cpus = 32;
    node.cpus_used = 2 * used;
    node.memory = 1000;
    node.gpus = {{type, total, used}};
    node.partitions = {"batch", "gpu"};
    return node;
}

}  // namespace

TEST_CASE("a copy that is not over means nothing yet", "[gateway]") {
    for (const auto state : {rest::State::kPending, rest::State::kRunning, rest::State::kSuspended,
                             rest::State::kCompleting, rest::State::kUnknown})
        CHECK_FALSE(outcome_of(ended_as(state), "west"));
}

TEST_CASE("a job ends as its copy did", "[gateway]") {
    CHECK(outcome_of(ended_as(rest::State::kCompleted), "west") == Outcome{0, 0, false, false, ""});
    CHECK(outcome_of(ended_as(rest::State::kFailed, 3), "west") == Outcome{3, 0, false, false, ""});
    CHECK(outcome_of(ended_as(rest::State::kFailed, 0, SIGSEGV), "west") ==
          Outcome{0, SIGSEGV, false, false, ""});
    CHECK(outcome_of(ended_as(rest::State::kTimeout), "west")->timed_out);
    CHECK(outcome_of(ended_as(rest::State::kOutOfMemory), "west")->signal == SIGKILL);
    CHECK(outcome_of(ended_as(rest::State::kCancelled), "west") ==
          Outcome{0, SIGTERM, false, false, "it was cancelled at west"});
    for (const auto state : {rest::State::kNodeFail, rest::State::kBootFail, rest::State::kPreempted})
        CHECK(outcome_of(ended_as(state), "west")->requeue);
}

TEST_CASE("free nodes are told by make, those that take no jobs or are of other partitions are not",
          "[gateway]") {
    rest::Node down = site_node("a100", 8, 0);
    down.usable = false;
    const std::vector<rest::Node> nodes{site_node("a100", 8, 0), site_node("a100", 8, 3),
                                        site_node("a100", 8, 0), down};
    const std::vector<SiteRoom> rooms{{2, 32, 1000, "a100", 8}, {1, 26, 1000, "a100", 5}};
    CHECK(rooms_of(nodes, "gpu") == rooms);
    CHECK(rooms_of(nodes, "") == rooms);
    CHECK(rooms_of(nodes, "debug").empty());
}

TEST_CASE("a name from elsewhere leads nowhere else", "[gateway]") {
    for (const char* name : {"a", "a/b", "a/..b", "..a", ".a/b."}) CHECK(stays_inside(name));
    for (const char* name : {"", "/a", "..", "../a", "a/..", "a/../b"}) CHECK_FALSE(stays_inside(name));
    CHECK_FALSE(stays_inside(std::string("a\0b", 3)));
}

TEST_CASE("a listing is read as sftp-server writes it", "[gateway]") {
    net::SftpEntry entry;
    using Kind = net::SftpEntry::Kind;
    REQUIRE(net::read_listing_line("-rwxr-x---    1 w-alice  users      4096 Nov 29 07:00 run me.sh", entry));
    CHECK(entry == net::SftpEntry{"run me.sh", Kind::kFile, 4096, true});
    REQUIRE(net::read_listing_line("drwx------    2 1001     1001         60 Jan  1  2026 out", entry));
    CHECK(entry == net::SftpEntry{"out", Kind::kFolder, 60, true});
    REQUIRE(
        net::read_listing_line("-rw-------    1 a        b             0 Jan  1  2026  blank first", entry));
    CHECK(entry.name == " blank first");
    REQUIRE(
        net::read_listing_line("lrwxrwxrwx    1 a        b             3 Jan  1  2026 link -> /etc", entry));
    CHECK((entry.name == "link" && entry.kind == Kind::kOther));
    for (const char* line :
         {"", "total 4", "-rw-r--r-- 1 a b x Jan 1 2026 name", "-rw-r--r-- 1 a b 5 Jan 1 2026 a/b"})
        CHECK_FALSE(net::read_listing_line(line, entry));
}
