// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/overflow/rule.h"

namespace weir::policies {

std::optional<Money> GpuPrices::of(const std::string& type) const {
    const auto found = by_type.find(type);
    return found != by_type.end() ? found->second : other;
}

}  // namespace weir::policies
