// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugin/result.h"
#include "topology/nvml/sample.h"

namespace weir::agent {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// What may be served now.
struct View {
    std::shared_ptr<const std::vector<topology::GpuSample>> gpus;  // null: none that is fresh
    std::string trouble;                                           // why there are none; one sentence
    bool no_library = false;                                       // and that is the reason
    Seconds age{};                                                 // of `gpus`
    Seconds took{};                                        // to sample, the last time that it succeeded
    std::uint64_t samples = 0;                             // taken since the start
    std::shared_ptr<const std::string> topology;           // as JSON; null: not yet discovered
    std::shared_ptr<const std::vector<std::string>> near;  // nearness_rows(); null or empty: not known
};

// Where the thread that samples leaves what it found, and others look. NVML may block for ever: what is older
// than three periods is no longer shown.
class Board {
  public:
    Board(std::chrono::seconds period, Clock::time_point now) : patience_(3 * period), heard_(now) {}

    void sampled(std::vector<topology::GpuSample> gpus, Seconds took, Clock::time_point now);

    // NVML failed, as NvmlLibrary::open or NvmlSampler::sample say.
    void failed(const Error& error, Clock::time_point now);

    void discovered(std::string topology, std::vector<std::string> near);

    View look(Clock::time_point now) const;

  private:
    const std::chrono::seconds patience_;
    mutable std::mutex mutex_;
    View last_{nullptr, "no sample has been taken yet", false, {}, {}, 0, nullptr, nullptr};
    Clock::time_point heard_;  // when the thread last left something
};

// What a view amounts to: the agent does what it can, or not, and why; without times, so that two are equal
// if nothing has changed.
struct Health {
    bool good = false;
    std::string sentence;

    bool operator==(const Health&) const = default;
};
Health health_of(const View& view);

}  // namespace weir::agent
