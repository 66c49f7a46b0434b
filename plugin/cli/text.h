// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policies/model/units.h"

namespace weir::cli {

// For whom something is printed: a terminal or a file, and when.
struct Look {
    int width = 80;       // columns
    bool colour = false;  // headings bold, trouble red
    Time now{};
};

// Columns that the text takes on a terminal; its characters count one each.
std::size_t columns(std::string_view text);

// The text in at most so many columns; one that is cut ends with '+', as Slurm's own commands show it.
std::string shortened(const std::string& text, std::size_t width);

// Lines of at most the look's width, each with its line feed: `lead` and the text's words, further lines
// indented by `indent`. What stands `between such` is one word; a word longer than a line is broken.
std::string wrapped(const std::string& lead, const std::string& text, std::size_t indent, const Look& look);

// "12:03:11", or "Jan 31 12:03" where that is more than half a day away; local time.
std::string clock(Time time, const Look& look);

// "4m12s", "3h5m": how long before now; "0s" for what has yet to come.
std::string since(Time time, const Look& look);

// "a,b,c" with that between them.
std::string joined(const std::vector<std::string>& names, const std::string& between);

// "a, b and c".
std::string enumerated(const std::vector<std::string>& names);

// "1 node", "3 nodes".
std::string counted(std::int64_t count, const std::string& thing);

enum class Paint { kHeading, kTrouble, kRemark };

// Every line of the text in colour, where the look has any.
std::string painted(Paint paint, const std::string& text, const Look& look);

}  // namespace weir::cli
