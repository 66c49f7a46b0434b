// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "plugin/result.h"

namespace weir::actuate {

// Writes a file anew so that a reader sees the old content or the new, never a part; with `durable` it also
// outlasts a crash of the machine.
Result<void> replace_file(const std::filesystem::path& file, const std::string& content, bool durable,
                          mode_t mode = 0600);

}  // namespace weir::actuate
