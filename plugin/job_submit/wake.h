// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

namespace weir::job_submit {

// <state_directory>/weir/wake.sock, the datagram socket that weirctld listens at.
std::string wake_path(const std::string& state_directory);

// Tells weirctld, if it listens, that something has changed: one byte. Never blocks and never fails: a full
// queue means that it is about to look anyway, and one who does not listen looks at its next cycle.
void wake(const std::string& state_directory);

}  // namespace weir::job_submit
