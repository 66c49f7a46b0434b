// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/config/site.h"
#include "plugin/gateway/local_job.h"
#include "plugin/gateway/record.h"
#include "plugin/gateway/remote_script.h"
#include "plugin/gateway/rest/model.h"

namespace weir::gateway {

// What a relay hands over that is needed for a submission only.
struct Luggage {
    std::string script;
    std::string environment;  // NAME=VALUE, each ended by a zero byte
};

// Why a job cannot be sent as it is; empty if it can.
std::string unsendable(const LocalJob& job, const Luggage& luggage);

// The order by which the site's Slurm runs a copy: as many nodes, tasks, CPUs, GPUs and as much memory and
// time as the local job has.
rest::Submission make_order(const Record& record, const LocalJob& job, const Luggage& luggage,
                            const config::SiteConnection& site);

}  // namespace weir::gateway
