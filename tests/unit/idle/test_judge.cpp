// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "tests/unit/idle/scene.h"

using namespace weir;
using namespace weir::policies;
using namespace std::chrono_literals;
using weir::tests::Scene;

TEST_CASE("a GPU that did nothing at idle power for the whole window is idle", "[idle]") {
    Scene scene;
    const GpuVerdict verdict = scene.judge();
    CHECK(verdict.verdict == Verdict::kIdle);
    CHECK(verdict.since == scene.snapshot.at - 30min);
    CHECK(verdict.evidence == "utilisation 0-3 % at no more than 72 W for 30m");
    CHECK(verdict.node == "t1");
}

TEST_CASE("a GPU that worked a moment in the window is busy", "[idle]") {
    Scene scene;
    scene.window(30min).utilisation_max = 6;
    CHECK(scene.judge().verdict == Verdict::kBusy);
}

TEST_CASE("a young job is left in peace, and judged only when its windows are full", "[idle]") {
    Scene scene;
    scene.job().started = scene.snapshot.at - 9min;
    CHECK(scene.judge().verdict == Verdict::kStarting);
    CHECK(scene.judge().evidence == "runs for 9m of 10m grace");
    scene.job().started = scene.snapshot.at - 29min;
    CHECK(scene.judge().verdict == Verdict::kStarting);
    scene.use().since_start.utilisation_max = 80;
    CHECK(scene.judge().verdict == Verdict::kBusy);
}

TEST_CASE("a GPU without a process is empty, sooner than idle", "[idle]") {
    Scene scene;
    scene.job().started = scene.snapshot.at - 16min;
    scene.window(15min).processes_max = 0;
    CHECK(scene.judge().verdict == Verdict::kEmpty);
    scene.window(15min).utilisation_max = 60;
    CHECK(scene.judge().verdict == Verdict::kUnknown);
    CHECK(scene.judge().evidence == "no process, and yet utilisation 0-60 %");
}

TEST_CASE("full utilisation at hardly more than idle power is hung", "[idle]") {
    Scene scene;
    for (const auto length : {15min, 20min, 30min}) {
        scene.window(length).utilisation_min = 99;
        scene.window(length).utilisation_max = 100;
        scene.window(length).power_max = Watts{164};  // 70 + 15 % of 630 is 164.5
    }
    CHECK(scene.judge().verdict == Verdict::kHung);
    scene.window(20min).power_max = Watts{165};
    CHECK(scene.judge().verdict == Verdict::kBusy);
    scene.window(20min).power_max = Watts{100};
    scene.use().power_limit.reset();
    CHECK(scene.judge().verdict == Verdict::kBusy);
}

TEST_CASE("what is missing, old or contradictory is unknown", "[idle]") {
    Scene scene;
    SECTION("never seen") {
        scene.use().sampled.reset();
    }
    SECTION("not seen lately") {
        scene.use().sampled = scene.snapshot.at - 91s;
    }
    SECTION("seldom seen") {
        scene.window(30min).covered = 79;
    }
    SECTION("power not told") {
        scene.window(30min).power_max.reset();
    }
    SECTION("power and utilisation do not go together") {
        scene.window(30min).power_max = Watts{81};
    }
    SECTION("utilisation not told") {
        scene.window(30min).utilisation_max.reset();
    }
    SECTION("idle power of the type not known") {
        scene.use().type = "mi300x";
        scene.use().model = "AMD Instinct MI300X";
    }
    SECTION("a contradiction found when observing") {
        scene.use().contradiction = "two exporters";
    }
    SECTION("a suspended job") {
        scene.job().suspended = true;
    }
    CHECK(scene.judge().verdict == Verdict::kUnknown);
    CHECK_FALSE(scene.judge().evidence.empty());
}

TEST_CASE("the idle reference is the policy's, by type, then by a part of type or model, else as shipped",
          "[idle]") {
    GpuTypeTable types;
    CHECK(idle_reference(types, "", "NVIDIA H100 80GB HBM3") == Watts{70});
    CHECK(idle_reference(types, "a100", "") == Watts{50});
    CHECK(idle_reference(types, "gb10", "") == std::nullopt);
    types["h100"].idle_watts = Watts{61};
    types["nvl"].idle_watts = Watts{40};
    CHECK(idle_reference(types, "h100", "NVIDIA H100 NVL") == Watts{61});
    CHECK(idle_reference(types, "", "NVIDIA H200 NVL") == Watts{40});
}
