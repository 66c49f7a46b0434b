// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>

#include "plugin/result.h"

namespace weir::config {

// Whether a file may hold a secret of the process that asks: a regular file, of this user or root, that
// nobody else can read or write.
[[nodiscard]] Result<void> check_secret(const std::string& path);

// The same for a process of another user: whose the file is, is not looked at.
[[nodiscard]] Result<void> check_secret_of_another(const std::string& path);

}  // namespace weir::config
