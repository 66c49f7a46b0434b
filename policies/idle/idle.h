// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "policies/idle/rule.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"

namespace weir::policies {

// No more jobs than this are told or ended in one cycle, since each makes a running backfill cycle give up.
constexpr int kMostIdleSteps = 20;

// The windows that these rules look at, ascending, each once.
std::vector<Duration> gpu_windows(const std::vector<IdleRule>& rules);

// Judges the GPUs of every running job that a rule watches, and adds to `plan` what was found, what is
// remembered of it and the steps of the rules' ladders. A job is told of any GPU that it wastes; it is ended,
// and its user written to, only if all its GPUs are wasted. `serving` are the partitions that lending rules
// serve: a rule watches them only if it names them.
void idle(const Snapshot& snapshot, const std::vector<IdleRule>& rules, const GpuTypeTable& types,
          const std::vector<std::string>& serving, Plan& plan);

}  // namespace weir::policies
