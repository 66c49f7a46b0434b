// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/actuate/nominated.h"

#include <catch2/catch.hpp>

#include "plugin/slurm/submit.h"

using namespace weir;
using namespace weir::actuate;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

constexpr const char* kComment = "weir:overflow=allow;site=west@00000000deadbeef";

TakeBack back() {
    TakeBack step;
    step.job = {7};
    step.label = "7";
    step.site = "west";
    step.partition = "gw_west";
    step.partitions = {"train"};
    step.limit = 2h;
    step.told = "it may no longer start at site west: home is better";
    return step;
}

slurm::JobWhereabouts pending_in(const std::string& partitions) {
    slurm::JobWhereabouts job;
    job.pending = true;
    job.partition = partitions;
    job.admin_comment = kComment;
    return job;
}

slurm::JobWhereabouts running_in(const std::string& partition) {
    slurm::JobWhereabouts job = pending_in(partition);
    job.pending = false;
    job.running = true;
    return job;
}

slurm::JobChange change_of(const TakeBack& step, const slurm::JobWhereabouts& job) {
    const auto change = taken_back(step, job, Time(Duration(0)));
    REQUIRE(change);
    REQUIRE(*change);
    return **change;
}

}  // namespace

TEST_CASE("a job that waits loses the site's partition, its token and the longer time limit", "[actuate]") {
    const slurm::JobChange change = change_of(back(), pending_in("train,gw_west"));
    CHECK(change.partitions == Names{"train"});
    CHECK(change.time_limit == 120min);
    CHECK(change.admin_comment ==
          "weir:overflow=allow [Weir 1970-01-01T00:00:00Z: it may no longer start at site west: home is "
          "better]");
}

TEST_CASE("a job that has started at the site meanwhile keeps its token", "[actuate]") {
    const auto change = taken_back(back(), running_in("gw_west"), Time{});
    REQUIRE_FALSE(change);
    CHECK(change.error().code == slurm::kUnsure);
    CHECK(change.error().message == "job 7 has just started at site west and stays there");
    // Or has even ended there.
    slurm::JobWhereabouts over = running_in("gw_west");
    over.running = false;
    CHECK_FALSE(taken_back(back(), over, Time{}));
}

TEST_CASE("a job that runs at home loses the token alone", "[actuate]") {
    const slurm::JobChange change = change_of(back(), running_in("train"));
    CHECK(change.partitions.empty());
    CHECK_FALSE(change.time_limit);
    REQUIRE(change.admin_comment);
    CHECK(change.admin_comment->find("site=") == std::string::npos);
}

TEST_CASE("partitions that its user has changed meanwhile stay as he has them", "[actuate]") {
    CHECK(change_of(back(), pending_in("debug,gw_west,batch")).partitions == Names{"debug", "batch"});
    CHECK(change_of(back(), pending_in("debug")).partitions.empty());
    // While it waited for its own copy it had no other.
    CHECK(change_of(back(), pending_in("gw_west")).partitions == Names{"train"});
}

TEST_CASE("nothing is changed of a job that is over", "[actuate]") {
    slurm::JobWhereabouts over = running_in("train");
    over.running = false;
    const auto change = taken_back(back(), over, Time{});
    REQUIRE(change);
    CHECK_FALSE(*change);
    const auto forgotten = taken_back(back(), {}, Time{});
    REQUIRE(forgotten);
    CHECK_FALSE(*forgotten);
}

TEST_CASE("a nomination counts on the partitions that the job had, whatever their order", "[actuate]") {
    Nominate step;
    step.partition = "gw_west";
    step.partitions = {"train", "batch", "gw_west"};
    CHECK(as_expected("batch,train", step));
    CHECK(as_expected("gw_west,batch,train", step));
    CHECK_FALSE(as_expected("train", step));
    CHECK_FALSE(as_expected("train,batch,debug", step));
}
