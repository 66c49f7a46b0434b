// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <vector>

#include "plugin/config/reader.h"
#include "policies/idle/rule.h"

namespace weir::config {

// `gpu_types:`
policies::GpuTypeTable read_gpu_types(const Value& value);

// One entry of `idle:`. What could not be read keeps its default.
policies::IdleRule read_idle_rule(const Value& value);

}  // namespace weir::config
