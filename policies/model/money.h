// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>

#include "policies/model/units.h"

namespace weir {

// Millionths of the one currency of weir.yaml.
using Money = Quantity<struct MoneyTag>;

constexpr std::int64_t kMicrosPerUnit = 1'000'000;

// What so many GPU-seconds cost at a price for an hour of one GPU. Rounded up to whole millionths, and held
// at the largest amount there is.
Money cost(GpuSeconds work, Money gpu_hour);

// What so many bytes cost at a price for each 10^9 of them, likewise.
Money cost(Bytes bytes, Money gigabyte);

// Their sum, held at the largest amount there is.
Money plus(Money a, Money b);

// "12.50", "0.0003": at least two decimals, no more than needed; without the currency.
std::string to_text(Money money);

}  // namespace weir
