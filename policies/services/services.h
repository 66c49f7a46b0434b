// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <set>
#include <string>
#include <vector>

#include "policies/model/plan.h"
#include "policies/model/snapshot.h"
#include "policies/services/rule.h"

namespace weir::policies {

// A signal below so much of its target is low.
constexpr double kLow = 0.7;

// A sample older than so many periods tells nothing.
constexpr int kStalePeriods = 3;

// A replica that was ready for so long has worked: its end is no failed start.
constexpr Duration kProven{60};

// A replica that was submitted and not seen for so long was not taken.
constexpr Duration kSubmissionDoubt{60};

// Decides for each service how many replicas there shall be, and adds to `plan` the next steps towards it,
// what is remembered, and how each stands. Called after lending, whose loans tell which replicas stand on
// lent nodes and which of these go home; `gentle` are the lending rules that let jobs run to their end.
//
// Each signal asks for ceil((value - target) * gpus_per_unit) GPUs more, in whole replicas; the largest
// counts, less the replicas that are starting, and only what two samples in a row ask for, both taken after
// the last replica became ready. All signals known and below kLow of their targets for `down_after` takes
// replicas away. A signal that is missing, stale or absurd wants what there is.
void services(const Snapshot& snapshot, const std::vector<ServiceRule>& rules,
              const std::set<std::string>& gentle, Plan& plan);

// Why so many, in sentences; also what is in the way.
std::vector<std::string> explain(const ServiceReport& report);

}  // namespace weir::policies
