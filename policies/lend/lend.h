// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "policies/lend/rule.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"

namespace weir::policies {

// The next safe steps that bring the world towards what the rules ask for: which of the owners' idle nodes
// are lent, which come home, which jobs get notice or end. Pure: equal snapshots and rules give equal plans.
// The order of `rules` is the order in which they are served. Whether the steps are taken (mode, pause) is
// not its concern.
Plan lend(const Snapshot& snapshot, const std::vector<LendRule>& rules);

// Why a job stands as it does and what Weir does or will do about it: sentences, most important first. `plan`
// must be that of `snapshot`. Jobs other than `job` are named only by number.
std::vector<std::string> explain(const Snapshot& snapshot, const std::vector<LendRule>& rules,
                                 const Plan& plan, const Job& job);

}  // namespace weir::policies
