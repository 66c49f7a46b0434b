// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/spank/options.h"

extern "C" {
#include <slurm/spank.h>
}

namespace weir::spank {

// In sbatch, before the job's environment is made: what an outer job stages is not this one's.
void forget_staging();

// Puts the paths into the job's environment and tells slurmctld how much the job takes along, or what is
// wrong with the paths: job_submit_weir then refuses the job.
void stage(spank_t spank, const Option& option, const std::string& paths);

}  // namespace weir::spank
