// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/config/reader.h"
#include "policies/model/mode.h"
#include "policies/model/units.h"

namespace weir::config {

using ReadName = Read<std::string> (*)(std::string_view);

// Copies what was read, if anything was.
template <class From, class To>
void keep(std::optional<From> value, To& into) {
    if (value) into = *std::move(value);
}

// "advise" or "act".
std::optional<policies::Mode> read_mode(const Value& value);

void read_seconds(const Value& value, Duration& into);

// A decimal number above 0 and at most `most`; `what` says in an error what it should be: "a number (as in
// 4)".
Read<double> read_above_zero(std::string_view text, double most, const std::string& what);

// "5%", from 0% to `most`.
void read_percent(const Value& value, int most, int& into);

// A list of names. One that cannot be read is kept as an empty text: the others keep their places in the
// file.
void read_names(const Value& value, std::string_view wanted, ReadName read, std::vector<std::string>& into);

// The same of a list in which an empty one would not mean what it looks like: it means all.
void read_names_of_some(const Value& value, std::string_view wanted, ReadName read,
                        std::vector<std::string>& into);

// A number from `least` to `most`.
void read_number_within(const Value& value, int least, int most, int& into);

// A problem at that path; on its line, or, where the file does not say it, on that of what it would stand in.
void tell_at(const std::string& path, std::string message, Findings& findings);

}  // namespace weir::config
