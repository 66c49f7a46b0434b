// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "plugin/config/policy.h"
#include "plugin/config/reader.h"

namespace weir::config {

// `telemetry:`
Telemetry read_telemetry(const Value& value);

// Whether the rules on idle GPUs have the telemetry that they need, and windows that it can fill.
void check_idle_rules(const Policy& policy, Findings& findings);

}  // namespace weir::config
