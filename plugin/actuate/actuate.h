// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "plugin/result.h"
#include "policies/lend/rule.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"
#include "policies/services/rule.h"

namespace weir::actuate {

// The rules that steps refer to by name.
struct Rules {
    const std::vector<policies::LendRule>& lend;
    const std::vector<policies::ServiceRule>& services;
};

// Takes one step in the real world. What a snapshot may have missed is looked at again first where a mistake
// would cost somebody work: a job gets notice or ends only if it still runs on the node in question; if it
// does not, the step counts as done. What a step does to a job is first noted in its AdminComment. Every step
// may be taken twice.
//
// `between` is called between two requests to Slurm of one step.
Result<void> take(const Step& step, const Snapshot& snapshot, const Rules& rules, void (*between)());

}  // namespace weir::actuate
