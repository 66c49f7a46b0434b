// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace weir::gateway {

// Whether an errno says that a disk has no room for its user.
bool is_full(int error);

// One of a job's two outputs, as it is written here. Where there is no room it waits, but keeps no job
// waiting for ever: after a while what comes is lost, until something can be written again.
class Output {
  public:
    explicit Output(int file, std::chrono::milliseconds patience = std::chrono::seconds(60))
        : file_(file), patience_(patience) {}

    // Bytes of the copy's from `offset` on. Those that do not follow what has come are none of it.
    void take(std::int64_t offset, const std::string& bytes);

    // What is held is forgotten: it comes again from there on.
    void restart(std::int64_t written);

    // Writes what it can.
    void flush();

    std::int64_t written() const { return written_; }  // those that were lost included
    std::int64_t missing() const { return lost_ + static_cast<std::int64_t>(held_.size()); }

  private:
    int file_;
    std::chrono::milliseconds patience_;
    std::int64_t written_ = 0;
    std::string held_;  // has come, and is not written yet
    std::int64_t lost_ = 0;
    std::optional<std::chrono::steady_clock::time_point> full_since_;
};

}  // namespace weir::gateway
