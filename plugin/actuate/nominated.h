// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "plugin/slurm/command.h"
#include "plugin/slurm/query.h"
#include "policies/model/plan.h"

namespace weir::actuate {

// Whether a job's partitions, with commas between, are those that a nomination counts on, with or without the
// site's.
bool as_expected(const std::string& partitions, const Nominate& step);

// What taking a nomination back changes of a job as it is now; nothing of one that is over. Of a job that has
// meanwhile left the queue for the site nothing may be changed: without its token the gateway would refuse
// it. That is a failure of code kUnsure, and the next cycle follows the job.
Result<std::optional<slurm::JobChange>> taken_back(const TakeBack& step, const slurm::JobWhereabouts& job,
                                                   Time at);

}  // namespace weir::actuate
