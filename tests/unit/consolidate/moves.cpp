// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/consolidate/moves.h"

namespace weir::test {

using namespace std::chrono_literals;

policies::ConsolidateRule moving_rule() {
    policies::ConsolidateRule rule;
    rule.after = 60s;
    rule.min_run = 60s;
    return rule;
}

Plan decide(const World& world, const policies::ConsolidateRule& rule,
            const std::vector<policies::LendRule>& lending, bool frozen) {
    const Snapshot snapshot = world.snapshot();
    Plan plan = policies::lend(snapshot, lending);
    policies::consolidate(snapshot, rule, frozen, plan);
    return plan;
}

std::vector<std::string> cycle(World& world, const policies::ConsolidateRule& rule,
                               const std::vector<policies::LendRule>& lending) {
    const Plan plan = decide(world, rule, lending);
    world.apply(plan);
    world.pass(2s);
    world.schedule();
    world.pass(8s);
    return texts(plan);
}

World scattered_world() {
    World world;
    world.add_nodes("t", 3, {"train"});
    for (std::uint32_t i = 1; i <= 7; ++i) world.movable(10 + i, {"t1"}, 1);
    for (std::uint32_t i = 1; i <= 6; ++i) world.movable(20 + i, {"t2"}, 1);
    for (std::uint32_t i = 1; i <= 7; ++i) world.movable(30 + i, {"t3"}, 1);
    return world;
}

World two_halves() {
    World world;
    world.add_nodes("t", 2, {"train"});
    world.movable(11, {"t1"}, 4);
    world.movable(21, {"t2"}, 4);
    world.pending(41, "train", 1, 8, 5min);
    return world;
}

Names moved(const Plan& plan) {
    Names found;
    for (const GoalReport& goal : plan.consolidation.goals)
        for (const PlannedMove& move : goal.moves) {
            std::string text = move.label + ":";
            for (const auto& node : move.to) text += " " + node;
            found.push_back(text);
        }
    return found;
}

}  // namespace weir::test
