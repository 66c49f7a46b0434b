// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/spank/options.h"

#include <catch2/catch.hpp>

using namespace weir::spank;

TEST_CASE("each option has a name that Slurm can keep, help, and a variable of its own", "[spank]") {
    for (const Option* option : kOptions) {
        const std::string name = option->name;
        CHECK(name.starts_with("weir-"));
        CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string::npos);
        CHECK(std::string(option->help).size() > 20);
        CHECK(std::string(option->variable).starts_with("WEIR_"));
    }
    CHECK(slurm_variable(kNotice) == "_SLURM_SPANK_OPTION_weir_weir_notice");
    CHECK(job_variable(kStageIn) == "SLURM_WEIR_STAGE_IN");
    CHECK(says_paths(kStageOut));
    CHECK_FALSE(says_paths(kOverflow));
}

TEST_CASE("each option judges its own values", "[spank]") {
    CHECK(fault(kCheckpoint, "USR1@120,every=30m").empty());
    CHECK(fault(kNotice, "TERM@60").empty());
    CHECK(fault(kNotice, "TERM@60,every=30m").starts_with("weir: --weir-notice: "));
    CHECK(fault(kCheckpoint, "B:USR1@60").starts_with("weir: --weir-checkpoint: "));
    CHECK(fault(kOverflow, "allow:west").empty());
    CHECK(fault(kMaxCost, "12.50").empty());
    CHECK(fault(kLatency, "45ms").empty());
    CHECK(fault(kStageIn, "/data,models").empty());
    CHECK(fault(kStageOut, "models").empty());
    CHECK(fault(kOverflow, "12.50").starts_with("weir: --weir-overflow: "));
    CHECK(fault(kMaxCost, "45ms").starts_with("weir: --weir-max-cost: "));
    CHECK(fault(kLatency, "12.50").starts_with("weir: --weir-latency: "));
    CHECK(fault(kStageIn, "").starts_with("weir: --weir-stage-in: "));
    CHECK(fault(kStageOut, "/data").starts_with("weir: --weir-stage-out: "));
}
