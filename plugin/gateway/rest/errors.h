// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "plugin/gateway/rest/fields.h"
#include "plugin/gateway/rest/model.h"

namespace weir::rest {

// The body of an answer without an error in it, an object; else what went wrong, by what the body or, where
// that says nothing, the status tells.
Answered<Json> read_reply(int status, const std::string& body);

// The error that a body tells of; absent if none. `status` decides where an error has no number.
std::optional<Failure> told_error(int status, const Json& body);

// The error that one entry of a cancellation tells of; absent if none, or if the job had ended already.
std::optional<Failure> told_of_job(const Json& entry);

// kGarbage: what was read is not what the API says.
tl::unexpected<Failure> garbage(const std::string& problem);

// Text from outside for one line of a message: short, and printable.
std::string one_line(const std::string& text);

}  // namespace weir::rest
