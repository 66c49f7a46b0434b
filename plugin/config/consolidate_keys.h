// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "plugin/config/reader.h"
#include "policies/consolidate/rule.h"

namespace weir::config {

// `consolidate:`. What could not be read keeps its default.
policies::ConsolidateRule read_consolidate_rule(const Value& value);

}  // namespace weir::config
