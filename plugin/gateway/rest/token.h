// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "policies/model/units.h"

namespace weir::rest {

// Until when a JWT says that it is good. Absent where it does not say, or is none. Its signature is not
// looked at.
std::optional<Time> good_until(const std::string& token);

}  // namespace weir::rest
