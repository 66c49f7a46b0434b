// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "policies/model/machine.h"

namespace weir::topology {

// "ethernet", "infiniband", "other"
std::string word_of(NicKind kind);

// "755 GiB"; "" for 0.
std::string size_of(Bytes bytes);

// "1 GPU", "3 GPUs"
std::string counted(std::size_t count, const std::string& thing);

}  // namespace weir::topology
