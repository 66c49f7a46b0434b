// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "policies/overflow/rule.h"

namespace weir::policies {

// What the power of so many GPUs at work costs from `from` on for so long, exactly across the tariff's bands.
Money power_cost(const PowerTerms& power, const std::string& gpu_type, Gpus gpus, Time from, Duration length,
                 Duration utc_offset);

// What it costs for so long at the dearest price that holds at any time from `from` until `until`.
Money dearest_power_cost(const PowerTerms& power, const std::string& gpu_type, Gpus gpus, Time from,
                         Time until, Duration length, Duration utc_offset);

// When the price of a kWh changes next; absent if it never does.
std::optional<Time> next_change(const PowerTerms& power, Time at, Duration utc_offset);

}  // namespace weir::policies
