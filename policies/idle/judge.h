// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/idle/rule.h"
#include "policies/model/snapshot.h"

namespace weir::policies {

// What a GPU of that type and model draws with nothing to do: as `types` has it under Slurm's type, or under
// a name that is part of the type or the model in lower case ("h100" of "NVIDIA H100 80GB HBM3"), else as
// shipped. Absent where nothing is known, and then nothing is called idle or hung.
std::optional<Watts> idle_reference(const GpuTypeTable& types, const std::string& type,
                                    const std::string& model);

// What a GPU does for the job that holds it, by the samples of it. `since` is when the window behind the
// verdict began.
GpuVerdict judge(const Snapshot& snapshot, const Job& job, const GpuUse& use, const IdleRule& rule,
                 const GpuTypeTable& types);

}  // namespace weir::policies
