// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>

#include "plugin/result.h"
#include "policies/model/ledger.h"

namespace weir::controller {

// The ledger as versioned JSON. Unknown keys of a newer version are ignored; what cannot be read is an error.
std::string to_json(const Ledger& ledger);
Result<Ledger> ledger_from_json(const std::string& text);

// A missing file is an empty ledger.
Result<Ledger> load_ledger(const std::filesystem::path& file);

// Replaces the file so that a reader, or the next controller after a crash at any instant, finds the old
// ledger or the new one, whole: write beside it, fsync, rename, fsync of the folder.
Result<void> save_ledger(const std::filesystem::path& file, const Ledger& ledger);

}  // namespace weir::controller
