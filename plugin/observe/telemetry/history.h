// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
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
    // Small, since there are some sixty of each GPU; kNotTold where a reading does not say.
    struct Sample {
        std::uint32_t at = 0;  // seconds since the epoch
        std::int32_t power = 0;
        std::int16_t processes = 0;
        std::int8_t utilisation = 0;
    };
    // What samples have in common: extremes, and what one of them did not tell.
    struct Extremes {
        std::int32_t power_most = 0;
        std::int16_t processes_most = 0;
        std::int8_t utilisation_least = 0;
        std::int8_t utilisation_most = 0;
        bool any = false;
        bool all_tell_power = true;
        bool all_tell_processes = true;
        bool all_tell_utilisation = true;

        void add(const Sample& sample);
        GpuWindow window(Duration length, std::int64_t covered) const;
    };
    struct Gpu {
        std::vector<Sample> samples;  // ascending; at the front those of before `first` are over
        std::size_t first = 0;
        std::string model;
        std::optional<Watts> power_limit;
        bool mig = false;
        JobId job;  // whose time `since_start` is about
        Time job_started{};
        std::uint32_t folded = 0;  // the newest sample in `since_start`
        Extremes since_start;
    };
    struct NodeGpus {
        std::vector<Gpu> gpus;  // by device
        std::string nvlink_domain;
        std::vector<std::string> near;  // by device
        GpuPairs pairs;                 // as they say
    };

    void look(const Snapshot& snapshot, const Job& job, Gpu& gpu, GpuUse& use) const;
    std::vector<GpuWindow> windows(const Gpu& gpu, const Snapshot& snapshot) const;

    std::unordered_map<std::string, NodeGpus> nodes_;
    Duration longest_{};
    Duration period_{};
    std::optional<Time> newest_;
};

}  // namespace weir::observe
