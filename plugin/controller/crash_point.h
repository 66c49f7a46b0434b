// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>

namespace weir::controller {

// Where a test may kill weirctld: before and after every write to the ledger and to Slurm. A file `crash_at`
// in the state folder that holds a number n, taken away when the process starts, ends it with SIGKILL at its
// n-th point. Nothing of this is compiled into a release build.
#ifdef WEIR_CRASH_POINTS
void arm_crash_points(const std::filesystem::path& state);
void crash_point();
#else
inline void arm_crash_points(const std::filesystem::path&) {}
inline void crash_point() {}
#endif

}  // namespace weir::controller
