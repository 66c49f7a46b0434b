// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/config/policy.h"
#include "plugin/config/reader.h"

namespace weir::config {

// `home:` - what running at home costs. The currency that its prices name; empty: none.
std::string read_home(const Value& value, policies::Terms& into);

// One entry of `overflow:`. What could not be read keeps its default.
policies::OverflowRule read_overflow_rule(const Value& value);

}  // namespace weir::config
