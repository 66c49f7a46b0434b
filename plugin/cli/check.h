// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plugin/cli/read.h"
#include "plugin/cli/text.h"
#include "plugin/config/names.h"

namespace weir::cli {

// All that `weir check` finds out about a policy file.
struct CheckReport {
    std::string file;
    int rules = 0;
    std::string mode;
    std::string cluster;  // whose names were compared; empty: none, and a finding says why
    std::vector<config::Finding> findings;

    bool has_errors() const;
};

// Of lending, on idle GPUs and of overflow.
int count_rules(const config::Policy& policy);

// Reads the file and, where a Slurm answers, compares its names with it.
CheckReport check(const std::filesystem::path& file);

json to_json(const CheckReport& report);
std::string print_check(const CheckReport& report, const Look& look);

}  // namespace weir::cli
