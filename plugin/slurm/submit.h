// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>

#include "plugin/result.h"

namespace weir::slurm {

// A batch script that shall run as another user. Options in the script count, but for those named here.
struct BatchJob {
    std::string script;  // path
    std::string user;
    std::string account;                             // empty: the user's default
    std::string directory;                           // empty: the user's home
    std::string name;                                // of the job
    std::map<std::string, std::string> environment;  // beside that of a fresh login: HOME, USER, PATH ...
};

// An error with this code leaves it open whether Slurm took the job.
constexpr int kUnsure = -1;

// Has sbatch submit it and returns the job's id. The caller must be SlurmUser, whom slurmctld lets submit for
// others; sbatch lets root alone ask for that, so it runs in a user namespace in which SlurmUser is called
// root. Blocks for at most half a minute.
Result<std::uint32_t> submit_batch(const BatchJob& job);

}  // namespace weir::slurm
