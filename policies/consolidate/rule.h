// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/model/hours.h"
#include "policies/model/mode.h"
#include "policies/model/units.h"

namespace weir::policies {

// `consolidate:` in weir.yaml: when and how jobs are moved together.
struct ConsolidateRule {
    std::optional<Mode> mode;  // absent: as the file says
    bool for_demand = true;    // nodes for lending rules whose borrower's jobs wait
    bool for_fit = true;       // room for a pending job that the free GPUs would do for, were they together
    std::vector<Hours> tidy;   // when nodes are emptied though nobody waits for them; empty: never
    std::vector<Hours> hours;  // when a move may begin; empty: always
    Duration after = std::chrono::minutes(5);     // a job must have waited so long for room
    double min_gain = 3;                          // of the gain over the price
    int at_once = 1;                              // moves
    int per_hour = 12;                            // moves begun
    int most_moves = 4;                           // for one goal
    std::optional<int> max_gpus;                  // of a job that is moved
    Duration cooldown = std::chrono::hours(2);    // before a job is asked to move again
    Duration min_run = std::chrono::minutes(10);  // a job that has run for less is left alone
    Duration start = std::chrono::minutes(2);     // a requeued job gets so long to start where it shall
    int max_worse = 0;  // steps of Nearness that the GPUs of the new place may be further from each other
    std::vector<std::string> exempt_partitions;
    std::vector<std::string> exempt_accounts;
    std::vector<std::string> exempt_users;

    bool operator==(const ConsolidateRule&) const = default;
};

}  // namespace weir::policies
