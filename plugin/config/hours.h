// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string_view>

#include "plugin/config/values.h"
#include "policies/model/hours.h"

namespace weir::config {

// "20:00-06:00", "mon-fri 20:00-06:00", "sat 00:00-24:00".
Read<Hours> read_hours(std::string_view text);

}  // namespace weir::config
