// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::topology {

// The text with '?' for every control character: it goes to terminals and into gres.conf.
std::string printable(std::string text);

// All of `text`, blanks around it apart, as a whole number; absent if it is none or does not fit.
std::optional<std::int64_t> whole_number(std::string_view text, int base = 10);

// The positions of the bits that are set, ascending, of hwloc's "0x00000003,0xffffffff" or NCCL's
// "00000003,ffffffff": words of 32 bits, the highest first; an empty word is 0. Absent if it is none, or ends
// in dots, which is hwloc's way to say infinite.
std::optional<std::vector<int>> bits(std::string_view text);

}  // namespace weir::topology
