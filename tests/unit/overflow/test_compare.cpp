// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/overflow/scene.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

policies::TariffBand band(std::chrono::minutes from, std::chrono::minutes to, double kwh) {
    return {Hours{0b1111111, from, to}, usd(kwh)};
}

}  // namespace

TEST_CASE("home and a site are compared by price and by what time is worth") {
    Scene scene;
    scene.job(1);
    const Plan plan = scene.decide();
    const PlaceReport& home = place_of(plan, 1, "home");
    CHECK(home.gpu_type == "h100");
    CHECK(home.wait == 1h);
    CHECK(home.wait_from == "Slurm has no forecast; unknown_wait of rule spill");
    CHECK(home.run == 2h);
    CHECK(home.price == usd(16));
    CHECK(home.time == usd(2.40));
    const PlaceReport& west = place_of(plan, 1, "west");
    CHECK(west.excluded.empty());
    CHECK(west.gpu_type == "a100");
    CHECK(west.run == 4h);
    CHECK(west.price == usd(8));
    CHECK(west.time == usd(3.20));
    CHECK(west.worst == usd(4));
    CHECK(comparison_of(plan, 1).why == "west is better for it, and must be so for another 5m");
}

TEST_CASE("Slurm's forecast is the wait at home, and what a job has waited is where there is none") {
    Scene scene;
    scene.job(1).expected_start = scene.world.at + 3h;
    scene.job(2, 4, 7h);
    const Plan plan = scene.decide();
    CHECK(place_of(plan, 1, "home").wait == 3h);
    CHECK(place_of(plan, 1, "home").wait_from == "Slurm expects to start it at 1970-02-11T19:00:00Z");
    CHECK(place_of(plan, 2, "home").wait == 7h);
    CHECK(place_of(plan, 2, "home").wait_from == "Slurm has no forecast; as long again as it has waited");
}

TEST_CASE("files on their way and what others wait there count as time at a site") {
    Scene scene;
    scene.job(1).overflow.stage_in = Bytes{100'000'000'001};
    scene.look().typical_wait = 2min;
    Plan plan = scene.decide();
    CHECK(place_of(plan, 1, "west").stage_in == 2001s);  // 50 MB a second
    CHECK(place_of(plan, 1, "west").takes() == 2min + 2001s + 4h);
    scene.look().bytes_per_second = 1'000'000'000;
    plan = scene.decide();
    CHECK(place_of(plan, 1, "west").stage_in == 101s);
}

TEST_CASE("what a job is reckoned to bring back counts in time, in price and in what is set aside") {
    Scene scene;
    scene.rule().egress = Bytes{100'000'000'001};
    scene.west().terms.egress_gb = usd(0.02);
    scene.job(1);
    const Plan plan = scene.decide();
    const PlaceReport& west = place_of(plan, 1, "west");
    CHECK(west.stage_out == 2001s);  // 50 MB a second
    CHECK(west.takes() == 4h + 2001s);
    CHECK(west.price == usd(8 + 2.000001));
    CHECK(west.worst == usd(4 + 2.000001));
    CHECK(place_of(plan, 1, "home").price == usd(16));
    scene.job(1).overflow.max_cost = usd(6);
    CHECK(place_of(scene.decide(), 1, "west").excluded ==
          "it could cost 6.000001 USD there, and its user allows 6.00");
}

TEST_CASE("power is reckoned exactly over the bands of a tariff, by local time") {
    Scene scene;
    // 16:00 now; 4 GPUs of 500 W, 4 h at the site: three at 0.10, one at 0.30.
    scene.west().terms.power_included = false;
    scene.west().terms.power.watts["a100"] = 500;
    scene.west().terms.power.pue = 1.5;
    scene.west().terms.power.tariff = {band(19h, 22h, 0.30), {std::nullopt, usd(0.10)}};
    scene.job(1);
    const Plan plan = scene.decide();
    CHECK(utc(scene.world.at) == "1970-02-11T16:00:00Z");
    CHECK(place_of(plan, 1, "west").price == usd(8 + 2 * 1.5 * (3 * 0.10 + 0.30)));
    // 2 h, which may begin as late as 16:20 and thus end at 18:20.
    CHECK(place_of(plan, 1, "west").worst == usd(4 + 2 * 1.5 * 2 * 0.10));
    CHECK(plan.overflow.sites.front().next_tariff == scene.world.at + 3h);
    CHECK(plan.overflow.sites.front().gpus.front().hour == usd(0.50 + 0.5 * 1.5 * 0.10));
}

TEST_CASE("the dearest band that a run may touch is set aside for") {
    Scene scene;
    scene.west().terms.power_included = false;
    scene.west().terms.power.watts["a100"] = 1000;
    scene.west().terms.power.tariff = {band(18h, 22h, 0.30), {std::nullopt, usd(0.10)}};
    scene.job(1);
    CHECK(place_of(scene.decide(), 1, "west").worst == usd(4 + 4 * 2 * 0.30));
}

TEST_CASE("vouchers pay for GPUs, those that run out first first, as far as they are left and valid") {
    Scene scene;
    const auto hours = [](int gpu_hours) { return GpuSeconds{gpu_hours * 3600}; };
    scene.west().vouchers = {{"long", hours(5), {}, {}, std::nullopt},
                             {"soon", hours(2), {"a100"}, {"lab"}, scene.world.at + 10h},
                             {"too_soon", hours(50), {}, {}, scene.world.at + 2h},
                             {"others", hours(50), {}, {"physics"}, std::nullopt},
                             {"h100s", hours(50), {"h100"}, {}, std::nullopt}};
    scene.job(1);
    Plan plan = scene.decide();
    CHECK(place_of(plan, 1, "west").vouchers == hours(7));
    CHECK(place_of(plan, 1, "west").worst == usd(0.50));
    plan = scene.cycle_twice();
    REQUIRE(plan.ledger.overflow.nominations.size() == 1);
    CHECK(plan.ledger.overflow.nominations.front().vouchers ==
          std::vector<VoucherShare>{{"soon", hours(2)}, {"long", hours(5)}});
    CHECK(plan.overflow.sites.front().vouchers.front().aside == hours(5));
    CHECK(plan.overflow.sites.front().vouchers.front().left() == hours(0));
}

TEST_CASE("vouchers cover the run that is priced, however long it takes, and the worst is set aside") {
    Scene scene;
    const auto hours = [](int gpu_hours) { return GpuSeconds{gpu_hours * 3600}; };
    scene.job(1);
    scene.west().vouchers = {{"gift", hours(100), {}, {}, std::nullopt}};
    SECTION("at half the speed it runs twice as long") {
        const PlaceReport west = place_of(scene.decide(), 1, "west");
        CHECK(west.vouchers == hours(16));
        CHECK(west.price == usd(0));
    }
    SECTION("at twice the speed half as long") {
        scene.types["a100"].training = 2;
        const PlaceReport west = place_of(scene.decide(), 1, "west");
        CHECK(west.vouchers == hours(4));
        CHECK(west.price == usd(0));
    }
    scene.cycle_twice();
    CHECK(scene.memory().nominations.front().vouchers == std::vector<VoucherShare>{{"gift", hours(8)}});
}

TEST_CASE("what a site does not take is said") {
    Scene scene;
    Job& job = scene.job(1);
    job.qos = "normal";
    const auto why = [&] { return place_of(scene.decide(), 1, "west").excluded; };
    CHECK(why().empty());
    SECTION("users") {
        scene.west().users.clear();
        CHECK(why() == "user alice has no account there");
    }
    SECTION("accounts") {
        scene.west().accounts = {"physics"};
        CHECK(why() == "account lab may not run there");
    }
    SECTION("qos") {
        scene.west().qos = {"long"};
        CHECK(why() == "QOS normal may not run there");
    }
    SECTION("its user's choice of sites") {
        job.overflow.sites = {"east"};
        CHECK(why() == "its user names other sites");
    }
    SECTION("the rule's") {
        scene.rule().sites = {"east"};
        CHECK(why() == "rule spill does not send jobs there");
    }
    SECTION("latency, promised or measured") {
        job.overflow.latency = 10ms;
        CHECK(why().empty());
        scene.look().round_trip = 10'500us;
        CHECK(why() == "it is 10.5ms away, and its user wants at most 10ms");
        scene.west().latency = 45ms;
        CHECK(why() == "it is 45ms away, and its user wants at most 10ms");
    }
    SECTION("GPUs that it has not") {
        job.request.gpu_type = "h100";
        CHECK(why() == "it offers no h100 GPU");
    }
    SECTION("GPUs without a price") {
        scene.west().terms.gpu_hour.by_type.clear();
        CHECK(why() == "weir.yaml names no price of its a100 GPUs");
    }
    SECTION("no room there") {
        scene.look().rooms = {{5, 64, 512 * 1024, "a100", 3}};
        CHECK(why() == "it is too large for what is free there now");
    }
    SECTION("room on GPUs of another type alone, which its gateway does not stand for") {
        scene.look().rooms = {{2, 64, 512 * 1024, "h100", 8}};
        CHECK(why() == "it is too large for what is free there now");
    }
    SECTION("no room on the gateway") {
        scene.world.running(50, "west", {"w1"}, 8);
        scene.world.running(51, "west", {"w2"}, 8);
        CHECK(why() == "no gateway node of it has room for it now");
    }
    SECTION("its user's bound") {
        job.overflow.max_cost = usd(3.99);
        CHECK(why() == "it could cost 4.00 USD there, and its user allows 3.99");
    }
    SECTION("budgets") {
        scene.rule().per_day = usd(10);
        scene.memory().spendings = {{"spill", "west", scene.world.at.time_since_epoch() / 24h, usd(7), {}}};
        CHECK(why() ==
              "rule spill may spend 10.00 USD a day, of which 3.00 are left, and it could cost 4.00");
    }
    SECTION("silence") {
        scene.world.pass(3min);
        CHECK(why() == "it has not answered its gateway for 3m");
    }
    SECTION("a gateway that does not answer") {
        scene.look().gateway_answers = false;
        scene.look().problem = "connection refused";
        CHECK(why() == "its gateway does not answer: connection refused");
    }
    SECTION("too many jobs") {
        scene.west().max_jobs = 0;
        CHECK(why() == "max_jobs is 0, and so many are there or may start there");
    }
}

TEST_CASE("what the site's partition refuses is seen before its list is changed") {
    Scene scene;
    Job& job = scene.job(1);
    job.qos = "normal";
    Snapshot now = scene.snapshot();
    Partition& west = now.partitions[*now.partition("west")];
    const auto why = [&] {
        Plan plan;
        policies::overflow(now, scene.policy, scene.types, false, plan);
        return place_of(plan, 1, "west").excluded;
    };
    SECTION("accounts") {
        west.allow_accounts = {"physics"};
        CHECK(why() == "partition west does not take account lab");
    }
    SECTION("accounts denied") {
        west.deny_accounts = {"lab"};
        CHECK(why() == "partition west does not take account lab");
    }
    SECTION("QOS") {
        west.deny_qos = {"normal"};
        CHECK(why() == "partition west does not take QOS normal");
    }
    SECTION("groups") {
        west.kept_out = {"alice"};
        CHECK(why() == "user alice is in none of the groups that partition west takes");
    }
    SECTION("time") {
        west.max_time = 1h;
        CHECK(why() == "partition west takes jobs of 1h at most");
    }
    SECTION("state") {
        west.up = false;
        CHECK(why() == "partition west is down");
    }
}

TEST_CASE("jobs that can run nowhere else are not compared") {
    Scene scene;
    Job& job = scene.job(1);
    const auto compared = [&] { return scene.decide().overflow.comparisons.size(); };
    CHECK(compared() == 1);
    SECTION("interactive ones") {
        job.batch = false;
    }
    SECTION("those without a time limit") {
        job.time_limit = {};
    }
    SECTION("those that cannot be requeued") {
        job.requeueable = false;
    }
    SECTION("parts of others") {
        job.heterogeneous = true;
    }
    SECTION("those that name nodes") {
        job.request.nodes_required = {"t1"};
    }
    SECTION("those that ask for features") {
        job.request.features = {"fast"};
    }
    SECTION("those that ask for licences") {
        job.licences = true;
    }
    SECTION("those in a reservation") {
        job.reservation = "course";
    }
    SECTION("those whose number of nodes is open") {
        job.request.nodes_max = 4;
    }
    SECTION("those of several tasks that name no number of nodes") {
        job.request.nodes_max = 0;
        job.request.tasks = 4;
    }
    SECTION("those for CPUs alone") {
        job.request.gpus_per_node = 0;
    }
    SECTION("those that wait for something else") {
        job.waits_for = WaitsFor::kOther;
    }
    SECTION("those whose users say no") {
        job.overflow.wish = OverflowWish::kNever;
    }
    SECTION("where it is forbidden") {
        job.overflow.wish = OverflowWish::kPrefer;
        scene.rule().forbidden = true;
    }
    SECTION("in other partitions") {
        scene.rule().partitions = {"debug"};
    }
    CHECK(compared() == 0);
}

TEST_CASE("a job is compared wherever its number of nodes is known, and else told what would help") {
    Scene scene;
    Job& job = scene.job(1);
    const auto said = [&] {
        const Snapshot now = scene.snapshot();
        return policies::explain_overflow(now, scene.policy, scene.types, scene.decide(), *now.job({1}))
            .front();
    };
    const auto compared = [&] { return scene.decide().overflow.comparisons.size(); };
    job.request.nodes_max = 0;  // one task, and no --nodes
    CHECK(compared() == 1);
    job.request.nodes_min = job.request.nodes_max = job.request.tasks = 2;
    CHECK(compared() == 1);
    job.request.nodes_max = 0;
    CHECK(said() == "it is not sent elsewhere: its number of nodes is open; --nodes=N would fix it");
    job.request.nodes_min = 1;
    CHECK(said() == "it is not sent elsewhere: its number of nodes is open; --nodes=N would fix it");
}

TEST_CASE("what a site lets jobs run beyond their time limits is set aside, too, and not reckoned with") {
    Scene scene;
    scene.job(1);
    scene.west().overtime = 30min;
    const Plan plan = scene.decide();
    CHECK(place_of(plan, 1, "west").price == usd(8));  // four GPUs for four hours, at half the speed
    CHECK(place_of(plan, 1, "west").worst == usd(5));  // for two hours and a half
}
