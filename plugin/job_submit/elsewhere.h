// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/job_submit/decide.h"
#include "policies/model/remote.h"

namespace weir::job_submit {

// Why a job of a user's must not name these partitions, one of which is a gateway's; empty: none is. `list`
// has commas between them.
std::string gateway_refusal(const std::string& list, const Heartbeat& heartbeat);

// Why a job that wants to run elsewhere never could, by what weirctld says of sites and rules; empty: it
// could, or does not ask.
std::string overflow_refusal(const OverflowRequest& request, const Submission& submission,
                             const Heartbeat& heartbeat);

}  // namespace weir::job_submit
