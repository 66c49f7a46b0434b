// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>

#include "topology/agent/server.h"

namespace weir::agent {

// What the command line asks for.
struct Options {
    enum class Task { kServe, kOnce, kMeasure };
    Task task = Task::kServe;
    Address listen{"0.0.0.0", 9810};
    std::chrono::seconds period{10};
    std::string node;  // Slurm's name of this node
};

// Reads "30s", "2m": from a second to ten minutes.
Result<std::chrono::seconds> parse_period(const std::string& text);

// The options, or the status with which the program ends, once what there is to say (an error, the help) has
// been said.
tl::expected<Options, int> parse_options(int argc, char** argv);

}  // namespace weir::agent
