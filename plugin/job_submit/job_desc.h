// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <slurm/slurm.h>

#include "plugin/job_submit/decide.h"

namespace weir::job_submit {

// Slurm's submission message as a plain value; its many "no value"s end here. What Request cannot express
// becomes Request::beyond_model. `default_partition` may be null.
Submission read_submission(const job_desc_msg_t& job, const char* default_partition);

}  // namespace weir::job_submit
