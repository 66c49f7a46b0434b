// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "policies/idle/idle.h"
#include "policies/idle/judge.h"

namespace weir::tests {

// A cluster of one node t1 in partition train, and a job 17 that holds two idle GPUs of it for an hour.
struct Scene {
    Snapshot snapshot;
    policies::IdleRule rule;
    policies::GpuTypeTable types;

    Scene();
    Job& job() { return snapshot.jobs.front(); }
    GpuUse& use(std::size_t gpu = 0) { return snapshot.gpu_uses[gpu]; }
    GpuWindow& window(Duration length, std::size_t gpu = 0);
    void set_busy(std::size_t gpu);

    GpuVerdict judge() const;  // of the first GPU
    // What is decided; the ledger and the steps' taking are carried over, and time goes on by `then`.
    Plan decide(Duration then = {}, bool take = true);
};

}  // namespace weir::tests
