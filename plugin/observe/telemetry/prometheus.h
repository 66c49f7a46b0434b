// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "plugin/observe/telemetry/reading.h"
#include "plugin/result.h"

namespace weir::observe {

// The PromQL expression that tells of all GPUs at once, with the time at which each was sampled. `match` are
// further label matchers, or empty.
std::string gpu_expression(const std::string& match);

// Adds what Prometheus answered to that expression, as /api/v1/query or query_range:
// https://prometheus.io/docs/prometheus/latest/querying/api/
Result<void> read_prometheus(std::string_view answer, Readings& into);

}  // namespace weir::observe
