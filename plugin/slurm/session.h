// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>

namespace weir::slurm {

// The use of libslurm by this process. slurm_init() ends the process where slurm.conf is unusable, which is
// why only programs of Weir's own ever hold one, never a daemon of Slurm's.
class Session {
  public:
    Session();
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // From slurm.conf, as read when the session began.
    std::string configuration_file() const;  // its path
    std::string state_directory() const;     // StateSaveLocation
    std::string controller_log() const;      // SlurmctldLogFile; empty: syslog
    std::string cluster() const;
    std::uint32_t slurm_user() const;
};

// "why: what Slurm says" for the errno that a libslurm call left behind.
std::string last_error();

}  // namespace weir::slurm
