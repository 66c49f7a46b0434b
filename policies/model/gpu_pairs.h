// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "policies/model/gpu_set.h"

namespace weir {

// A row of digits for each GPU of a machine: how near it is to each, as Nearness counts; by the device number
// N of /dev/nvidiaN. Empty where not every GPU's number is known.
std::vector<std::string> nearness_rows(const Machine& machine);

// How near the GPUs of a node are to one another: a digit of Nearness for each pair (0,1), (0,2) ... (1,2)
// ..., GPUs counted as Slurm does. Empty: not known.
class GpuPairs {
  public:
    GpuPairs() = default;
    // Nothing is known where `digits` are not those of a whole number of GPUs.
    explicit GpuPairs(std::string digits);
    // Put together from a row for each GPU, of digits to every GPU, itself too.
    static GpuPairs from_rows(const std::vector<std::string>& rows);

    bool known() const { return gpus_ > 0; }
    std::size_t gpus() const { return gpus_; }
    const std::string& digits() const { return digits_; }

    // The worst pair among these GPUs; kSame for one alone or none. Absent where nothing is known of one.
    std::optional<Nearness> worst(std::span<const std::size_t> gpus) const;

    // The best that a set of `count` of these GPUs can be, found by adding to each the nearest ones in turn.
    std::optional<Nearness> best(std::span<const std::size_t> gpus, std::size_t count) const;

    bool operator==(const GpuPairs&) const = default;

  private:
    Nearness pair(std::size_t a, std::size_t b) const;

    std::string digits_;
    std::size_t gpus_ = 0;
};

}  // namespace weir
