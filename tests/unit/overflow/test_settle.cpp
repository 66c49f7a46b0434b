// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <utility>

#include "tests/unit/overflow/scene.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;

namespace {

GpuSeconds hours(int gpu_hours) {
    return GpuSeconds{gpu_hours * 3600};
}

// Job 1 has been sent to west and runs there.
Scene with_run() {
    Scene scene;
    scene.job(1);
    scene.west().vouchers = {{"gift", hours(2), {}, {}, std::nullopt}};
    scene.cycle_twice();
    scene.start_at(1, "w1", RunStage::kRunning);
    scene.cycle();
    REQUIRE(scene.memory().nominations.size() == 1);
    return scene;
}

}  // namespace

TEST_CASE("what a run has used is paid for once, by vouchers first") {
    Scene scene = with_run();
    CHECK(scene.decide().overflow.budgets.front().aside == usd(3));
    scene.pass(1h);
    scene.finish(1, 1h);
    Plan plan = scene.cycle();
    CHECK(plan.steps.empty());
    scene.world.end(1);
    plan = scene.cycle();
    CHECK(plan.ledger.overflow.nominations.empty());
    CHECK(plan.ledger.overflow.vouchers == std::vector<VoucherUse>{{"west", "gift", hours(2)}});
    const std::int64_t today = scene.world.at.time_since_epoch() / 24h;
    CHECK(plan.ledger.overflow.spendings ==
          std::vector<Spending>{{"spill", "west", today, usd(1), hours(4)}});
    CHECK(plan.ledger.overflow.settled == std::vector<Settled>{{"west", 1, "feed"}});
    CHECK(plan.overflow.sites.front().spent_today == usd(1));
    CHECK(plan.overflow.sites.front().work_this_month == hours(4));
    // The gateway tells of it until it hears that it is settled.
    CHECK(scene.cycle().ledger.overflow == plan.ledger.overflow);
}

TEST_CASE("power is paid for the time that a run really ran") {
    Scene scene = with_run();
    scene.west().terms.power_included = false;
    scene.west().terms.power.watts["a100"] = 500;
    scene.west().terms.power.tariff = {{std::nullopt, usd(0.10)}};
    scene.pass(30min);
    scene.finish(1, 30min);
    scene.cycle();
    CHECK(scene.memory().spendings.front().spent == usd(0.10));  // 2 GPU-hours of the voucher, and 1 kWh
}

TEST_CASE("what came back is paid for, of a run that was withdrawn too") {
    Scene scene = with_run();
    scene.west().terms.egress_gb = usd(0.02);
    scene.finish(1, 30min);
    scene.look().finished.back().brought = Bytes{2'500'000'000};
    scene.cycle();
    CHECK(scene.memory().spendings.front().spent == usd(0.05));  // the GPUs are the voucher's
    RemoteRun second = scene.look().finished.back();
    second.sequence = 2;
    second.job = JobId{2};
    second.label = "2";
    second.started.reset();
    second.withdrawn = true;
    second.brought = Bytes{500'000'000};
    scene.look().finished.push_back(second);
    scene.cycle();
    CHECK(scene.memory().spendings.front().spent == usd(0.06));
}

TEST_CASE("a job that ended unseen stays set aside until its gateway tells, or for a week") {
    Scene scene = with_run();
    scene.look().gateway_answers = false;
    scene.world.end(1);
    scene.cycle();
    CHECK(scene.memory().nominations.size() == 1);
    SECTION("the gateway tells") {
        scene.pass(3h);
        scene.look().gateway_answers = true;
        scene.finish(1, 1h);
        scene.pass(10s);
        scene.cycle();
        CHECK(scene.memory().spendings.front().spent == usd(1));
        CHECK(scene.memory().nominations.empty());
    }
    SECTION("the gateway knows of no run") {
        scene.pass(3h);
        scene.cycle();
        CHECK(scene.memory().nominations.size() == 1);
        scene.look().gateway_answers = true;
        scene.look().runs.clear();
        scene.pass(10s);
        scene.cycle();
        scene.pass(10s);
        scene.cycle();
        CHECK(scene.memory().nominations.empty());
        CHECK(scene.memory().spendings.empty());
    }
    SECTION("nobody ever tells") {
        scene.look().runs.clear();
        scene.pass(24h * 7 - 1s);
        scene.cycle();
        CHECK(scene.memory().nominations.size() == 1);
        scene.pass(1s);
        scene.cycle();
        CHECK(scene.memory().nominations.empty());
    }
}

TEST_CASE("what is set aside stays so while a gateway has more ends to tell than it tells at once") {
    Scene scene = with_run();
    scene.world.end(1);
    scene.finish(1, 1h);
    const auto untold = std::exchange(scene.look().finished, {});
    scene.look().more = true;
    for (int round = 0; round < 3; ++round) {
        scene.pass(10s);
        scene.cycle();
        CHECK(scene.memory().nominations.size() == 1);
    }
    scene.look().more = false;
    scene.look().finished = untold;
    scene.pass(10s);
    scene.cycle();
    CHECK(scene.memory().nominations.empty());
    CHECK(scene.memory().spendings.front().budget == "spill");
    CHECK(scene.memory().vouchers == std::vector<VoucherUse>{{"west", "gift", hours(2)}});
}

TEST_CASE("a nominated job that is cancelled while it waits frees what was set aside") {
    Scene scene;
    scene.job(1);
    scene.cycle_twice();
    scene.world.end(1);
    scene.cycle();
    scene.pass(10s);
    scene.cycle();
    CHECK(scene.memory().nominations.empty());
}

TEST_CASE("a run is paid for by what vouchers have left when it ends, however little was set aside for it") {
    Scene scene = with_run();
    scene.job(2);
    scene.cycle_twice();
    scene.start_at(2, "w2", RunStage::kRunning);
    scene.cycle();
    REQUIRE(scene.memory().nominations.back().vouchers.empty());
    scene.pass(15min);
    scene.finish(1, 15min);  // of the two hours that were set aside, one is free again
    scene.world.end(1);
    scene.cycle();
    scene.finish(2, 30min);
    scene.world.end(2);
    scene.cycle();
    CHECK(scene.memory().vouchers == std::vector<VoucherUse>{{"west", "gift", hours(2)}});
    CHECK(scene.decide().overflow.sites.front().spent_today == usd(0.50));
}

TEST_CASE("a run that nothing is remembered of is paid for by what vouchers have left, and in money") {
    Scene scene = with_run();
    scene.memory().nominations.clear();
    scene.finish(1, 1h);
    scene.cycle();
    CHECK(scene.memory().spendings.front().budget == "spill");
    CHECK(scene.memory().spendings.front().spent == usd(1));
    CHECK(scene.memory().vouchers == std::vector<VoucherUse>{{"west", "gift", hours(2)}});
}

TEST_CASE("what runs at a site and is not remembered is set aside again, and paid for once") {
    Scene scene = with_run();
    const Nomination before = scene.memory().nominations.front();
    scene.memory().nominations.clear();
    SECTION("it ends there") {
        Plan plan = scene.cycle();
        REQUIRE(plan.ledger.overflow.nominations.size() == 1);
        const Nomination& again = plan.ledger.overflow.nominations.front();
        CHECK(again.worst == before.worst);
        CHECK(again.vouchers == before.vouchers);
        CHECK(again.home == Names{"train"});
        CHECK(plan.overflow.budgets.front().aside == usd(3));
        CHECK(scene.cycle().ledger.overflow == plan.ledger.overflow);
        scene.pass(1h);
        scene.finish(1, 1h);
        scene.world.end(1);
        plan = scene.cycle();
        CHECK(plan.ledger.overflow.nominations.empty());
        CHECK(plan.ledger.overflow.vouchers == std::vector<VoucherUse>{{"west", "gift", hours(2)}});
        CHECK(plan.overflow.sites.front().spent_today == usd(1));
    }
    SECTION("it comes back") {
        scene.cycle();
        scene.look().runs.clear();
        scene.requeue(1);
        scene.pass(10s);
        scene.cycle();
        scene.pass(10s);
        scene.cycle();
        CHECK(scene.world.jobs.at(1).partitions == Names{"train"});
        CHECK(scene.decide().overflow.budgets.front().aside == usd(0));
    }
    SECTION("nobody is known to run it") {
        scene.look().runs.clear();
        CHECK(scene.cycle().ledger.overflow.nominations.empty());
    }
}

TEST_CASE("runs are numbered by their gateway's ledger: by another one they count anew, each once") {
    Scene scene = with_run();
    scene.memory().settled = {{"west", 1000, ""}};  // of before ledgers were told
    scene.look().ledger = "old";
    scene.look().finished.clear();
    const auto tell = [&](std::uint64_t sequence, const std::string& ledger) {
        RemoteRun run;
        run.sequence = sequence;
        run.job = JobId{50};
        run.label = "50";
        run.user = "alice";
        run.stage = RunStage::kFinished;
        run.started = scene.world.at;
        run.ended = scene.world.at + 1h;
        run.gpus = 2;
        run.gpu_type = "a100";
        scene.look().ledger = ledger;
        scene.look().finished = {run};
        scene.cycle();
        GpuSeconds work;
        for (const Spending& one : scene.memory().spendings) work += one.work;
        return work;
    };
    CHECK(tell(1000, "old") == hours(0));
    CHECK(tell(1001, "old") == hours(2));
    // The site has another gateway now, whose numbers are smaller.
    CHECK(tell(8, "new") == hours(4));
    CHECK(tell(8, "new") == hours(4));
    // And its first one again.
    CHECK(tell(1001, "old") == hours(4));
    CHECK(tell(1002, "old") == hours(6));
    CHECK(scene.memory().settled == std::vector<Settled>{{"west", 8, "new"}, {"west", 1002, "old"}});
}

TEST_CASE("a second run under a nomination whose first is settled is set aside for, too") {
    Scene scene = with_run();
    scene.pass(1h);
    scene.finish(1, 1h);
    scene.cycle();
    REQUIRE(scene.memory().nominations.front().settled);
    CHECK(scene.decide().overflow.budgets.front().aside == usd(0));
    // Requeued, and started there again, between two looks.
    scene.requeue(1);
    scene.start_at(1, "w1", RunStage::kRunning);
    const Plan plan = scene.cycle();
    REQUIRE(plan.ledger.overflow.nominations.size() == 1);
    CHECK_FALSE(plan.ledger.overflow.nominations.front().settled);
    CHECK(plan.overflow.budgets.front().aside == usd(4));
    scene.pass(30min);
    scene.finish(1, 30min);
    scene.world.end(1);
    CHECK(scene.cycle().ledger.overflow.nominations.empty());
    CHECK(scene.decide().overflow.sites.front().spent_today == usd(2));
}

TEST_CASE("a run that got more GPUs than were reckoned with is set aside for in full") {
    Scene scene;
    scene.job(1);
    scene.west().vouchers = {{"gift", hours(10), {}, {}, std::nullopt}};
    scene.cycle_twice();
    CHECK(scene.memory().nominations.front().gpus == 4);
    SECTION("as its gateway tells") {
        scene.start_at(1, "w1", RunStage::kRunning).gpus = 8;
    }
    SECTION("as Slurm tells, before its gateway does") {
        scene.start(1, "w1");
        scene.world.jobs.at(1).job.gpus = {8};
    }
    const Plan plan = scene.cycle();
    REQUIRE(plan.ledger.overflow.nominations.size() == 1);
    const Nomination& one = plan.ledger.overflow.nominations.front();
    CHECK(one.gpus == 8);
    CHECK(one.vouchers == std::vector<VoucherShare>{{"gift", hours(10)}});
    CHECK(one.worst == usd(3));
    CHECK(plan.overflow.budgets.front().aside == usd(3));
    CHECK(scene.cycle().ledger.overflow == plan.ledger.overflow);
}

TEST_CASE("a run that brings back more than was reckoned with has that set aside as it comes") {
    Scene scene;
    scene.rule().egress = Bytes{50'000'000'000};
    scene.west().terms.egress_gb = usd(0.02);
    scene.job(1);
    scene.cycle_twice();
    CHECK(scene.decide().overflow.budgets.front().aside == usd(4 + 1));
    scene.start_at(1, "w1", RunStage::kRunning).brought = Bytes{50'000'000'000};
    CHECK(scene.cycle().overflow.budgets.front().aside == usd(4 + 1));
    scene.look().runs.front().brought = Bytes{75'000'000'000};
    CHECK(scene.cycle().overflow.budgets.front().aside == usd(4 + 1.50));
    CHECK(scene.cycle().overflow.budgets.front().aside == usd(4 + 1.50));
    SECTION("and when the ledger is lost") {
        scene.memory() = {};
        scene.memory().installation = "0123456789abcdef";
        scene.cycle();
        CHECK(scene.decide().overflow.budgets.front().aside == usd(4 + 1.50));
    }
    scene.pass(1h);
    scene.finish(1, 1h);
    scene.look().finished.back().brought = Bytes{80'000'000'000};
    scene.cycle();
    CHECK(scene.decide().overflow.budgets.front().aside == usd(0));
    CHECK(scene.decide().overflow.sites.front().spent_today == usd(2 + 1.60));
}

TEST_CASE("what a run brings back for nothing is not noted while it comes") {
    Scene scene;
    scene.job(1);
    scene.cycle_twice();
    scene.start_at(1, "w1", RunStage::kRunning);
    const Plan before = scene.cycle();
    scene.look().runs.front().brought = Bytes{75'000'000'000};
    CHECK(scene.cycle().ledger == before.ledger);
}

TEST_CASE("a run that never started costs nothing") {
    Scene scene = with_run();
    scene.finish(1, 0s);
    scene.look().finished.back().started.reset();
    scene.cycle();
    CHECK(scene.memory().spendings.front().spent == usd(0));
    CHECK(scene.memory().vouchers.empty());
}

TEST_CASE("how long a sent job has come is explained, and what its gateway says") {
    Scene scene = with_run();
    scene.look().runs.front().said = "it has started at west";
    const Snapshot now = scene.snapshot();
    Plan plan = scene.decide();
    CHECK(policies::explain_overflow(now, scene.policy, scene.types, plan, *now.job({1})) ==
          Names{"Weir let it start at site west: " + scene.memory().nominations.front().why,
                "it has been sent to site west, where it is job 345 of w-alice; it runs there",
                "the site's gateway says: it has started at west"});
}

TEST_CASE("why a job is sent elsewhere or not is explained") {
    Scene scene;
    scene.job(1);
    scene.job(2).request.features = {"fast"};
    scene.job(3).overflow.wish = OverflowWish::kNever;
    scene.add_site("east", 1).users.clear();
    const Snapshot now = scene.snapshot();
    const Plan plan = scene.decide();
    const auto said = [&](std::uint32_t id) {
        return policies::explain_overflow(now, scene.policy, scene.types, plan, *now.job({id}));
    };
    CHECK(said(1) ==
          Names{"it is not sent elsewhere now: west is better for it, and must be so for another 5m"});
    CHECK(said(2) == Names{"it is not sent elsewhere: it asks for features of nodes here (--constraint)"});
    CHECK(said(3) ==
          Names{"it is not sent elsewhere: its user has not asked for it (sbatch --weir-overflow)"});
}

TEST_CASE("a job whose comparison the plan does not report is explained as it would be compared") {
    Scene scene;
    for (std::uint32_t id = 1; id <= 250; ++id) scene.job(id, 8);
    scene.cycle();
    scene.pass(scene.rule().stay);
    const Snapshot now = scene.snapshot();
    const Plan plan = scene.decide();
    REQUIRE(nominated(plan.ledger.overflow) == Names{"1: west", "2: west"});
    REQUIRE(plan.overflow.comparisons.size() == 200);
    const auto said = [&](std::uint32_t id) {
        return policies::explain_overflow(now, scene.policy, scene.types, plan, *now.job({id}));
    };
    CHECK(said(250) ==
          Names{"it is not sent elsewhere now: west: it is too large for what is free there now"});
    CHECK(said(200) == said(250));
    const auto table = policies::compared(now, scene.policy, scene.types, plan, *now.job({250}));
    REQUIRE(table);
    CHECK(table->places == comparison_of(plan, 200).places);
    CHECK_FALSE(policies::compared(now, scene.policy, scene.types, plan, *now.job({9001})));
}
