// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "plugin/config/names.h"

namespace weir::cli {

// What a running Slurm says about a policy.
struct SlurmCheck {
    std::string cluster;  // empty: no Slurm answered, and a finding says why
    std::vector<config::Finding> findings;
};

// Asks Slurm in a process of its own, since Slurm's library ends the one that it finds no slurm.conf in, and
// waits for it no longer than a minute.
SlurmCheck check_against_slurm(const config::Policy& policy);

// What rules that act miss where slurm.conf does not name job_submit_weir among its plugins.
std::vector<config::Finding> check_plugins(const config::Policy& policy,
                                           const std::vector<std::string>& job_submit_plugins);

}  // namespace weir::cli
