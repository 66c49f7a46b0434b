// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugin/observe/telemetry/reading.h"
#include "policies/model/snapshot.h"

namespace weir::observe {

// What GPUs did lately: as much as the longest window needs, and for each GPU what it did since its job
// started.
class GpuHistory {
  public:
    // How long samples are kept, and how often they come.
    void set_up(Duration longest, Duration period);

    // Readings come in the order of time for each GPU; an older one is passed over.
    void record(const GpuReading& reading);

    // Tells the snapshot's nodes and GPU uses what was seen of them: windows as its gpu_windows say.
    void look(Snapshot& snapshot);

    // GPUs heard of, and when last.
    std::size_t gpus() const;
    std::optional<Time> newest() const { return newest_; }

  private:
    struct Sample {
        Time at{};
        std::optional<int> utilisation;
        std::optional<Watts> power;
        std::optional<int> processes;
    };
    struct Gpu {
        std::deque<Sample> samples;  // ascending
        std::string model;
        std::optional<Watts> power_limit;
        bool mig = false;
        JobId job;  // whose time `since_start` is about
        Time job_started{};
        Time folded{};  // the newest sample in `since_start`
        GpuWindow since_start;
    };
    struct NodeGpus {
        std::vector<Gpu> gpus;  // by device
        std::string nvlink_domain;
    };

    static void fold(GpuWindow& window, const Sample& sample);
    void look(const Snapshot& snapshot, const Job& job, Gpu& gpu, GpuUse& use) const;
    GpuWindow window(const Gpu& gpu, Time at, Duration length) const;

    std::unordered_map<std::string, NodeGpus> nodes_;
    Duration longest_{};
    Duration period_{};
    std::optional<Time> newest_;
};

}  // namespace weir::observe
