// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/consolidate/rule.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"

namespace weir::policies {

// Adds to a plan, in which lending rules have said what they lack and which GPUs are idle, what moves of jobs
// come next: those under way go on or are taken back, whatever the rule says by now, and where nodes are
// wanted the next cheapest one begins. Where `rule` is absent or `frozen`, none begins. Steps that free nodes
// come first in the plan, so that a lending rule may take them.
void consolidate(const Snapshot& snapshot, const std::optional<ConsolidateRule>& rule, bool frozen,
                 Plan& plan);

// What is to be said of a job's moves, of what is being moved for it, or of why it is not moved. `acts`: not
// only advises.
std::vector<std::string> explain_moves(const Snapshot& snapshot, const std::optional<ConsolidateRule>& rule,
                                       bool acts, const Plan& plan, const Job& job);

}  // namespace weir::policies
