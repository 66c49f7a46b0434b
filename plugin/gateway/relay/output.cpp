// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/relay/output.h"

#include <unistd.h>

#include <cerrno>

namespace weir::gateway {

bool is_full(int error) {
    return error == ENOSPC || error == EDQUOT;
}

void Output::take(std::int64_t offset, const std::string& bytes) {
    if (offset == written_ + static_cast<std::int64_t>(held_.size())) held_ += bytes;
}

void Output::restart(std::int64_t written) {
    written_ = written;
    held_.clear();
}

void Output::flush() {
    using Clock = std::chrono::steady_clock;
    while (!held_.empty()) {
        const ssize_t wrote = ::write(file_, held_.data(), held_.size());
        if (wrote < 0 && errno == EINTR) continue;
        std::size_t done = held_.size();
        if (wrote > 0) {
            full_since_.reset();
            done = static_cast<std::size_t>(wrote);
        } else {
            const bool may_pass = wrote < 0 && (is_full(errno) || errno == EAGAIN);
            if (!full_since_) full_since_ = Clock::now();
            if (may_pass && Clock::now() - *full_since_ < patience_) return;
            lost_ += static_cast<std::int64_t>(done);
        }
        held_.erase(0, done);
        written_ += static_cast<std::int64_t>(done);
    }
}

}  // namespace weir::gateway
