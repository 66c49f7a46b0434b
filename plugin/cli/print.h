// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "plugin/cli/read.h"
#include "plugin/cli/text.h"

namespace weir::cli {

// What a person reads of weirctld's answers, whose shapes weir(1) tells. No line is wider than the look.
std::string print_status(const json& status, const Look& look);
std::string print_plan(const json& plan, const Look& look);
std::string print_loans(const json& loans, const Look& look);
// `by` is job, user, account or partition: the waste of idle GPUs, worst first.
std::string print_idle(const json& idle, const std::string& by, const Look& look);
std::string print_explain(const json& explained, const Look& look);
std::string print_services(const json& answer, const Look& look);
std::string print_explained_service(const json& answer, const Look& look);

std::string print_moves(const json& answer, const Look& look);

// Remote sites: how they stand, what they cost and who is there.
std::string print_sites(const json& answer, const Look& look);
// What jobs would take at home and elsewhere; of one job alone; and a line a site. Empty where there is none.
std::string print_comparisons(const json& comparisons, std::int64_t not_compared, const Look& look);
std::string print_comparison(const json& comparison, const std::string& currency, const Look& look);
std::string print_site_notes(const json& sites, const Look& look);

// What an order has brought about. `done` is weirctld's answer to it, `status` what it says afterwards; null
// where that could not be had.
std::string print_pause(const Look& look);
std::string print_resume(const json& done, const Look& look);
std::string print_scaled(const json& done, const Look& look);
std::string print_return(const std::vector<std::string>& rules, const json& status, const Look& look);

// Sentences about the rules that do not simply work: what they want and why they do not get it, and whose
// mode is not `mode` (empty: no matter).
std::string print_rule_notes(const json& rules, const std::string& mode, const Look& look);

// How services stand, a line each, and what is wrong with them.
std::string print_service_notes(const json& services, const Look& look);

// What moves of jobs could bring about, as `weir plan` tells.
std::string print_goals(const json& goals, const Look& look);

// How consolidation stands, in a line; empty where it is not configured.
std::string print_consolidation_note(const json& note, const Look& look);

// What is wrong with the samples of GPUs; else empty.
std::string print_telemetry(const json& telemetry, const Look& look);

// A remark where what is shown is older than a minute; else empty.
std::string print_age(const json& answer, const Look& look);

}  // namespace weir::cli
