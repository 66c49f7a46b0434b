// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "policies/consolidate/consolidate.h"
#include "tests/unit/lend/world.h"

namespace weir::test {

// A rule that moves without waiting: for a job that has waited a minute, and whatever has run so long.
policies::ConsolidateRule moving_rule();

// What lending and consolidation decide, one after the other, as the controller asks them.
Plan decide(const World& world, const policies::ConsolidateRule& rule,
            const std::vector<policies::LendRule>& lending = {}, bool frozen = false);

// One cycle: decides, does it, lets Slurm schedule, and some seconds pass. Returns the steps as people read
// them.
std::vector<std::string> cycle(World& world, const policies::ConsolidateRule& rule,
                               const std::vector<policies::LendRule>& lending = {});

// t1 ... t3 of train with 7, 6 and 7 of 8 GPUs in use, all by jobs of one GPU that may be moved: 11 ... 17 on
// t1, 21 ... 26 on t2, 31 ... 37 on t3.
World scattered_world();

// t1 and t2 of train with 4 GPUs free each, in use by the movable jobs 11 and 21; job 41 wants 8.
World two_halves();

// The moves that a plan would make, as "11: t2".
Names moved(const Plan& plan);

}  // namespace weir::test
