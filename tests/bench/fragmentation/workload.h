// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/bench/fragmentation/trace.h"

namespace weir::bench {

// What the tasks of a list typically ask for, as FGD (Weng et al., USENIX ATC 2023) takes it: the most
// frequent demands of CPUs and GPUs that together make 95 % of the tasks, each as likely as it is among
// those.
class Workload {
  public:
    explicit Workload(const TaskList& list);

    // GPU thousandths of a node that a typical task could not use, on average: all that are free where the
    // task does not fit or asks for none, else those of the GPUs that have less than it needs.
    double unusable(std::int64_t cpus, std::span<const Slot> slots, const std::string& model) const;

  private:
    // Typical tasks that ask for the same of GPUs.
    struct Group {
        std::string models;
        int gpus = 0;
        int thousandths = 0;
        std::vector<std::int64_t> cpus;  // ascending
        std::vector<double> share;       // of tasks up to those CPUs
    };

    double cpu_only_ = 0;  // share of the tasks
    std::vector<Group> groups_;
};

}  // namespace weir::bench
