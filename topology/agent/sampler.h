// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <thread>

#include "topology/agent/board.h"

namespace weir::agent {

// Samples NVML on a thread of its own and leaves what it finds on the board; opens the library anew in every
// period in which it is not there or its driver has gone. Its end waits for a call of NVML in progress.
class Sampler {
  public:
    Sampler(Board& board, std::chrono::seconds period);

  private:
    void run(const std::stop_token& stop);
    void sample();
    void discover();

    Board& board_;
    const std::chrono::seconds period_;
    std::optional<topology::NvmlSampler> nvml_;
    std::vector<std::string> parts_;  // GPUs and MIG instances that the topology tells of, by UUID
    std::jthread thread_;
};

}  // namespace weir::agent
