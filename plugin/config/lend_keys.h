// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "plugin/config/reader.h"
#include "policies/lend/rule.h"

namespace weir::config {

// One entry of `lend:`. What could not be read keeps its default.
policies::LendRule read_lend_rule(const Value& value);

}  // namespace weir::config
