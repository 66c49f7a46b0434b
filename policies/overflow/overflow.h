// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/model/gpu_type.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"
#include "policies/overflow/rule.h"

namespace weir::policies {

// Adds to a plan which pending jobs may start at remote sites, too, and which no longer; what ended there is
// settled against vouchers and budgets. Rules in Mode::kAdvise nominate nothing, and what they have nominated
// is taken back; their comparisons are reported all the same. While `frozen` nothing is done, and what has
// ended is still settled. `plan.ledger` must hold the snapshot's ledger.
void overflow(const Snapshot& snapshot, const OverflowPolicy& policy, const GpuTypeTable& types, bool frozen,
              Plan& plan);

// How a pending job compares, which a plan reports of the first few alone; absent: it is not compared.
std::optional<Comparison> compared(const Snapshot& snapshot, const OverflowPolicy& policy,
                                   const GpuTypeTable& types, const Plan& plan, const Job& job);

// What is to be said of a job's running elsewhere: where it may start and why, how far it is there, or why it
// is not sent. Holds prices: for those who may see the job.
std::vector<std::string> explain_overflow(const Snapshot& snapshot, const OverflowPolicy& policy,
                                          const GpuTypeTable& types, const Plan& plan, const Job& job);

}  // namespace weir::policies
