// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/config/policy.h"
#include "plugin/controller/uids.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"

namespace weir::controller {

// What job_submit_weir needs to know at a submission: for each rule that acts and is not held home and whose
// reservation stands, which partition's jobs shall name which reservation, who may, and what nodes are in it.
// Besides, what sites there are, whose jobs may go there, and by which rules.
// `plan` is what is about to be done: nodes that it takes away are left out already.
std::string heartbeat_text(const Snapshot& snapshot, const Plan& plan, const config::Policy& policy,
                           Duration valid_for, Uids& uids);

// Why job_submit_weir would not read that text; empty if it would.
std::string heartbeat_problem(const std::string& text);

}  // namespace weir::controller
