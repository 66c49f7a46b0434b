// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "plugin/observe/telemetry/reading.h"
#include "plugin/result.h"

namespace weir::observe {

// Adds what a text in Prometheus' exposition format, version 0.0.4, says of GPUs at `at`. Lines of other
// metrics are not looked at closer. An error names the line.
Result<void> read_exposition(std::string_view text, Time at, Readings& into);

}  // namespace weir::observe
