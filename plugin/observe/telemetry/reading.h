// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/model/units.h"

namespace weir::observe {

// What an exporter told of one GPU at one time.
struct GpuReading {
    std::string node;  // as the exporter names it
    int device = 0;    // N of /dev/nvidiaN
    Time at{};
    std::string model;
    std::optional<int> utilisation;  // percent
    std::optional<Watts> power;
    std::optional<Watts> power_limit;
    std::optional<int> processes;
    bool mig = false;
    std::string near;  // how near each GPU of the node is: a row of nearness_rows(); empty if not told
    std::string nvlink_domain;  // of a fabric that spans nodes; empty if none

    bool operator==(const GpuReading&) const = default;
};

// The metrics that Weir reads: dcgm-exporter's names, and those that only weir-agent has.
inline constexpr std::string_view kMetrics =
    "DCGM_FI_DEV_GPU_UTIL|DCGM_FI_DEV_POWER_USAGE|DCGM_FI_DEV_POWER_MGMT_LIMIT|weir_gpu_processes|weir_gpu_"
    "mig|"
    "weir_gpu_fabric_info|weir_gpu_near_info";

// Puts series together into readings. Where several exporters tell of one GPU the greatest value counts, so
// that nothing is called idle that anybody saw at work.
class Readings {
  public:
    using Labels = std::vector<std::pair<std::string, std::string>>;

    // A value of one of kMetrics; other metrics, series of MIG instances and values that cannot be are passed
    // over. The GPU is that of `device` ("nvidia3"), else of `gpu`; the node that of `Hostname`, else of
    // `instance`, up to the first dot or colon.
    void add(std::string_view metric, const Labels& labels, double value, Time at);

    // The time at which the GPU of these labels was really sampled, in place of that of the answer.
    void sampled(const Labels& labels, Time answered, Time at);

    // By node, device and time. Leaves none.
    std::vector<GpuReading> take();

  private:
    GpuReading* find(const Labels& labels, Time at);

    std::map<std::pair<std::string, std::pair<int, Time>>, GpuReading> readings_;
};

}  // namespace weir::observe
