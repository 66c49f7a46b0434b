// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "plugin/job_submit/heartbeat.h"

namespace weir::job_submit {

// The heartbeat as it stands in its file; parsed again only when the file has changed. Safe to share between
// threads.
class HeartbeatFile {
  public:
    struct Seen {
        std::shared_ptr<const Heartbeat>
            heartbeat;   // null: no file, not a regular one of ours or root's, or unreadable
        Time written{};  // its modification time
    };

    // Opens, looks and, where needed, reads at most kMaxHeartbeatBytes; waits for nothing.
    Seen look(const std::string& path);

  private:
    // Device, inode, size, and modification and change time in nanoseconds.
    using Identity = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t>;

    std::mutex mutex_;
    Identity identity_{};
    std::shared_ptr<const Heartbeat> heartbeat_;
};

}  // namespace weir::job_submit
