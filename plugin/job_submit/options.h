// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/job_submit/decide.h"
#include "policies/model/remote.h"

namespace weir::job_submit {

// What the job's user said to Weir, as spank_weir handed it over.
struct Options {
    std::optional<std::string> checkpoint{};
    std::optional<std::string> notice{};
    std::optional<std::string> overflow{};
    std::optional<std::string> max_cost{};
    std::optional<std::string> latency{};
    std::optional<std::string> stage_in{};   // how much in bytes, or a fault; empty: that is not known
    std::optional<std::string> stage_out{};  // that there is something to bring back

    bool operator==(const Options&) const = default;
};

// Keys and values for the job's token, or a sentence on why the job must not be submitted so.
struct Noted {
    std::vector<std::pair<std::string, std::string>> entries;
    std::string refusal{};      // empty: none
    OverflowRequest request{};  // what was said of running elsewhere

    bool operator==(const Noted&) const = default;
};

// Checks each value by itself and against the job. Users need not come by spank_weir, so nothing is taken as
// checked.
Noted note(const Options& options, const Submission& submission);

}  // namespace weir::job_submit
