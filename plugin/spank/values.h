// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>

#include "plugin/config/values.h"
#include "policies/model/signals.h"

// The values of Weir's sbatch options, as users write them, and as a job's AdminComment keeps them:
//
//   checkpoint  SIGNAL@SECONDS[,every=TIME][,reload=TIME]   USR1@120,every=30m,reload=1m
//   notice      [B:]SIGNAL[@SECONDS]                        TERM@60
//
// SIGNAL is a name or a number; SECONDS a whole number, or a time; TIME needs a unit: 90s, 15m, 1h30m.
namespace weir::spank {

using config::Read;

// What a user wrote, or what is wrong with it and what would do.
Read<Checkpoint> read_checkpoint(std::string_view text);

// The user's notice goes to the batch script, with and without "B:", and SECONDS must be there.
Read<NoticeSignal> read_notice(std::string_view text);

// What the AdminComment keeps. Absent for what this version does not understand; keys of a later version are
// passed over.
std::optional<Checkpoint> kept_checkpoint(std::string_view text);
std::optional<NoticeSignal> kept_notice(std::string_view text);

// What it is to keep: no blanks, no `;`.
std::string to_text(const Checkpoint& checkpoint);
std::string to_text(const NoticeSignal& notice);

}  // namespace weir::spank
