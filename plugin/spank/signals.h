// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::spank {

// The number of a signal: "USR1", "SIGUSR1" in any case, or a number from 1 to 64. Absent for anything else.
std::optional<int> signal_number(std::string_view text);

// "USR1"; the number for a signal without a usual name.
std::string signal_name(int number);

// Whether a program can do anything about it: not so for KILL and STOP (signal(7)).
bool can_be_caught(int number);

// "HUP, INT, QUIT ...": the names that a message suggests.
std::string usual_signals();

}  // namespace weir::spank
