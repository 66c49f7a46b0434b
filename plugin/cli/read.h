// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "policies/model/units.h"

namespace weir::cli {

using json = nlohmann::ordered_json;

// Members of what weirctld answered. One that is missing or of another kind, as from a weirctld of another
// version, reads as nothing: never an exception. Texts come without control characters.
std::string text_of(const json& object, const char* name);
std::int64_t number_of(const json& object, const char* name);
std::string digits_of(const json& object, const char* name);  // of a whole number
double real_of(const json& object, const char* name);
bool flag_of(const json& object, const char* name);
std::optional<Time> time_of(const json& object, const char* name);
const json& member_of(const json& object, const char* name);  // null where missing
std::vector<std::string> texts_of(const json& object, const char* name);

// The text with what would move a terminal's cursor or change its state replaced by '?'.
std::string harmless(std::string text);

}  // namespace weir::cli
