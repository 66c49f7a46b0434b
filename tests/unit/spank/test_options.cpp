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
}

TEST_CASE("each option judges its own values", "[spank]") {
    CHECK(fault(kCheckpoint, "USR1@120,every=30m").empty());
    CHECK(fault(kNotice, "TERM@60").empty());
    CHECK(fault(kNotice, "TERM@60,every=30m").starts_with("weir: --weir-notice: "));
    CHECK(fault(kCheckpoint, "B:USR1@60").starts_with("weir: --weir-checkpoint: "));
}
