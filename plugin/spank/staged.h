// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "plugin/config/values.h"
#include "policies/model/units.h"

namespace weir::spank {

using config::Read;

// How much a job takes along: the files among its paths, and all below the folders.
struct StagedSize {
    Bytes bytes;
    bool whole = true;  // false: there is more, which was not counted

    bool operator==(const StagedSize&) const = default;
};

// When counting stops.
struct StagedLimits {
    int entries = 10'000;
    std::chrono::milliseconds time{2000};
};

// Relative paths are of `folder`. A path that is not there, or cannot be read, is an error; in folders, what
// cannot be read is passed over and links are not followed.
Read<StagedSize> staged_size(const std::vector<std::string>& paths, const std::string& folder,
                             const StagedLimits& limits = {});

// "12.3 GB"
std::string size_text(Bytes bytes);

}  // namespace weir::spank
