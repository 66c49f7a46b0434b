// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <thread>

#include "plugin/observe/observe.h"
#include "plugin/observe/sites/watch.h"

using namespace weir;
using namespace weir::observe;
using namespace std::chrono_literals;

namespace {

const std::string kAnswer =
    R"json({"version": 1, "at": 1000, "host": "gw1", "ledger": "feed", "more": true, "sites": [
  {"name": "west", "reachable": true, "problem": "", "at": 990, "round_trip_us": 1300, "api": "v0.0.38, Slurm 22.05.8",
   "rooms": [{"nodes": 2, "cpus": 32, "memory": 256000, "gpu_type": "a100", "gpus": 4}],
   "bytes_per_second": 1000, "failures": 1, "typical_wait": 60,
   "runs": [{"job": 18, "submitted": 900, "label": "17_4", "user": "alice", "restarts": 1, "stage": "running",
             "remote_id": 345, "remote_user": "w-alice", "asked": 910, "started": 920, "ended": null, "gpus": 4,
             "gpu_type": "a100", "withdrawn": false, "said": "it has started"},
            {"job": 16, "submitted": 800, "label": "16", "user": "bob", "restarts": 0, "stage": "dancing"}],
   "finished": [{"sequence": 12, "job": 15, "submitted": 700, "label": "15", "user": "bob", "restarts": 0,
                 "stage": "finished", "started": 710, "ended": 720, "gpus": 1, "gpu_type": "a100"},
                {"sequence": 11, "job": 14, "submitted": 700, "label": "14", "user": "bob", "restarts": 0,
                 "stage": "finished"}]},
  {"name": "east", "reachable": false, "problem": "timed out", "at": 0, "rooms": [], "runs": [], "finished": []}]})json";

Time at(std::int64_t seconds) {
    return Time(Duration(seconds));
}

}  // namespace

TEST_CASE("what a gateway tells of its sites is read whatever its clock shows") {
    const auto looks = read_sites(kAnswer, at(5000));
    REQUIRE(looks);
    REQUIRE(looks->size() == 2);
    const SiteLook& east = looks->front();
    CHECK(east.site == "east");
    CHECK(east.gateway_answers);
    CHECK_FALSE(east.reachable);
    CHECK(east.problem == "timed out");
    CHECK(east.at == Time{});
    const SiteLook& west = looks->back();
    CHECK(west.heard == at(5000));
    CHECK(west.ledger == "feed");
    CHECK(west.more);
    CHECK(west.at == at(4990));
    CHECK(west.round_trip == 1300us);
    CHECK(west.rooms == std::vector<SiteRoom>{{2, 32, 256000, "a100", 4}});
    CHECK(west.typical_wait == 60s);
    REQUIRE(west.runs.size() == 2);
    CHECK(west.runs[0].job == JobId{16});
    CHECK(west.runs[0].stage == RunStage::kUnknown);  // a stage of a newer gateway
    CHECK(to_text(west.runs[0].stage) == std::string("unknown"));
    CHECK(west.runs[1].label == "17_4");
    CHECK(west.runs[1].started == at(920));
    CHECK_FALSE(west.runs[1].ended);
    REQUIRE(west.finished.size() == 2);
    CHECK(west.finished[0].sequence == 11);
    CHECK(west.finished[1].ended == at(720));
}

TEST_CASE("an answer that is none is refused and never a crash") {
    for (std::size_t size = 0; size < kAnswer.size(); ++size)
        CHECK_FALSE(read_sites(kAnswer.substr(0, size), at(0)));
    CHECK_FALSE(read_sites("[]", at(0)));
    CHECK_FALSE(read_sites(R"({"version": 1, "at": "now", "sites": []})", at(0)));
    CHECK(read_sites(R"({"version": 2, "at": 1, "sites": []})", at(0)).error().message ==
          "the gateway speaks version 2, and this weirctld version 1");
}

TEST_CASE("a gateway is asked for what any of its sites has not settled, and for no more") {
    const GatewaySource source{"gw1", 9812, {"east", "west"}};
    const std::vector<Settled> settled = {{"west", 40, "feed"}};
    auto looks = *read_sites(kAnswer, at(5000));
    // All that was told is settled: of east nothing came at all.
    CHECK(settled_up_to(source, looks, settled) == 40);
    // Something of west came that is not settled yet.
    CHECK(settled_up_to(source, looks, {{"west", 11, "feed"}}) == 11);
    CHECK(settled_up_to(source, looks, {{"west", 11, ""}}) == 11);  // of before ledgers were told
    looks[0].finished = looks[1].finished;
    CHECK(settled_up_to(source, looks, settled) == 0);
    // Nothing has been heard yet.
    CHECK(settled_up_to(source, {}, settled) == 0);
    // The gateway does not serve east yet.
    looks.erase(looks.begin());
    CHECK(settled_up_to(source, looks, settled) == 40);
    looks.insert(looks.begin(), SiteLook{});
    looks.front().site = "east";
    CHECK(settled_up_to(source, looks, settled) == 40);
}

TEST_CASE("what another ledger of a gateway has numbered counts for nothing", "[sites]") {
    const GatewaySource source{"gw1", 9812, {"west"}};
    const std::vector<Settled> settled = {{"west", 7, "dead"}, {"west", 5, "feed"}};
    auto looks = *read_sites(kAnswer, at(5000));
    looks.erase(looks.begin());
    CHECK(settled_up_to(source, looks, settled) == 5);
    CHECK(settled_up_to(source, looks, {{"west", 7, "dead"}}) == 0);
    looks.front().finished.clear();
    CHECK(settled_up_to(source, looks, settled) == 5);
    // Until it is known which ledger will tell.
    CHECK(settled_up_to(source, {}, settled) == 5);
}

TEST_CASE("a nomination counts only for the installation that made it") {
    CHECK(nominated_site("west@00000000deadbeef", "00000000deadbeef") == "west");
    CHECK(nominated_site("west@0000000000000000", "00000000deadbeef").empty());
    CHECK(nominated_site("west", "00000000deadbeef").empty());
    CHECK(nominated_site("west@", "").empty());
}

TEST_CASE("a gateway that cannot be reached is told of, and what it said last is kept") {
    SiteWatch watch;
    watch.use({{"127.0.0.1", 1, {"west"}}});
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    std::vector<SiteLook> looks;
    do {
        looks = watch.look();
        REQUIRE(looks.size() == 1);
        std::this_thread::yield();
    } while (looks.front().problem == "it has not been asked yet" &&
             std::chrono::steady_clock::now() < deadline);
    CHECK_FALSE(looks.front().gateway_answers);
    CHECK(looks.front().problem.find("127.0.0.1") != std::string::npos);
}
