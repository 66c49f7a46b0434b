// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "plugin/config/policy.h"
#include "plugin/config/reader.h"

namespace weir::config {

// One entry of `services:`.
policies::ServiceRule read_service_rule(const Value& value);

// What goes together or does not: names, ports, files, and where queries are asked. Gives services without an
// address of their own that of telemetry.
void check_services(Policy& policy, Findings& findings);

}  // namespace weir::config
