// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugin/config/values.h"
#include "policies/model/remote.h"
#include "policies/model/signals.h"

// The values of Weir's sbatch options, as users write them, and as a job's AdminComment keeps them:
//
//   checkpoint  SIGNAL@SECONDS[,every=TIME][,reload=TIME]   USR1@120,every=30m,reload=1m
//   notice      [B:]SIGNAL[@SECONDS]                        TERM@60
//   overflow    never|allow|prefer[:SITE,...]               allow:west,east
//   max_cost    AMOUNT                                      12.50
//   latency     TIME                                        45ms
//   stage_in    PATH,...; kept: BYTES                       data,/srv/models/base
//   stage_out   PATH,...; not kept                          results
//
// SIGNAL is a name or a number; SECONDS a whole number, or a time; TIME needs a unit: 90s, 15m, 1h30m.
namespace weir::spank {

using config::Read;

// What a user wrote, or what is wrong with it and what would do.
Read<Checkpoint> read_checkpoint(std::string_view text);

// The user's notice goes to the batch script, with and without "B:", and SECONDS must be there.
Read<NoticeSignal> read_notice(std::string_view text);

// Whether the job may run elsewhere, and where: `wish` and `sites` of what a user says, no more.
Read<OverflowRequest> read_overflow(std::string_view text);

Read<Money> read_max_cost(std::string_view text);
Read<std::chrono::milliseconds> read_latency(std::string_view text);

// Paths without `..`. Those to bring back are relative to the job's working directory, those to take along
// may be absolute, and do not meet at the site.
Read<std::vector<std::string>> read_stage_in(std::string_view text);
Read<std::vector<std::string>> read_stage_out(std::string_view text);

// A number of bytes.
Read<Bytes> read_bytes(std::string_view text);

// What the AdminComment keeps. Absent for what this version does not understand; keys of a later version are
// passed over.
std::optional<Checkpoint> kept_checkpoint(std::string_view text);
std::optional<NoticeSignal> kept_notice(std::string_view text);

// What it is to keep: no blanks, no `;`.
std::string to_text(const Checkpoint& checkpoint);
std::string to_text(const NoticeSignal& notice);
std::string overflow_text(const OverflowRequest& request);
std::string latency_text(std::chrono::milliseconds latency);

}  // namespace weir::spank
