// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <slurm/slurm.h>

#include "plugin/job_submit/decide.h"
#include "plugin/job_submit/options.h"

namespace weir::job_submit {

// Slurm's submission message as a plain value; its many "no value"s end here. What Request cannot express
// becomes Request::beyond_model. `default_partition` may be null; `requeue` is JobRequeue of slurm.conf.
Submission read_submission(const job_desc_msg_t& job, const char* default_partition, bool requeue);

// What spank_weir has put into the message.
Options read_options(const job_desc_msg_t& job);

}  // namespace weir::job_submit
