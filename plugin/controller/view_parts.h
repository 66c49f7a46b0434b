// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <vector>

#include "plugin/controller/view.h"

namespace weir::controller {

// What the parts of the view have in common.

// Since the epoch.
std::int64_t seconds(Time time);
nlohmann::ordered_json optional_seconds(const std::optional<Time>& time);

// What moves could bring about.
nlohmann::ordered_json goals_to_json(const View& view, const Reader& reader);

// What jobs that may overflow would take at home and elsewhere; those of one job alone.
nlohmann::ordered_json comparisons_to_json(const View& view, const Reader& reader);
nlohmann::ordered_json comparison_of(const View& view, const Job& job);

// Overflow rules and their modes; and what `weir status` says of sites, null where there is none.
nlohmann::ordered_json overflow_rules(const View& view);
nlohmann::ordered_json overflow_notes(const View& view);

// Whether all of these jobs are the reader's business: PrivateData of slurm.conf decides.
bool may_see(const View& view, const Reader& reader, const std::vector<JobId>& jobs);

}  // namespace weir::controller
