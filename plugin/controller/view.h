// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "plugin/config/policy.h"
#include "plugin/observe/telemetry/telemetry.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"

namespace weir::controller {

// Something that the last cycle could not do.
struct Failure {
    std::string what;
    std::vector<JobId> jobs;  // whose affairs it tells
    std::string error;
    Time since{};  // first cycle of those in a row in which it failed

    bool operator==(const Failure&) const = default;
};

// What the last cycle saw, decided and did: all that the control socket and the metrics tell. Never changed
// once published.
struct View {
    std::string cluster;
    config::Policy policy;
    Snapshot snapshot;
    Plan plan;
    Ledger ledger;  // as it is remembered after acting
    std::vector<Failure> failures;
    observe::TelemetryState telemetry;
    std::uint64_t cycle = 0;
    std::chrono::duration<double> period{};
    std::chrono::duration<double> observe_time{};
    std::chrono::duration<double> decide_time{};
    std::uint16_t private_data = 0;
    // Why the last attempt at a cycle failed; empty when it succeeded. The rest is then that of the last good
    // one.
    std::string problem;
    Time problem_since{};
};

// What is told of a cycle: the steps and comparisons that there would be, were everything to act, but sites
// and budgets as they stand by the plan that is carried out.
Plan as_told(Plan would_be, const Plan& carried_out);

// Who asks: decides what he may see.
struct Reader {
    std::uint32_t uid = 0;
    bool privileged = false;  // SlurmUser or root: sees and may change everything
};

// An answer that cannot be given: {"error": SENTENCE, "code": CODE}, where the code is bad_request,
// not_allowed, not_ready (slurmctld not seen yet), private (PrivateData), no_job, or failed.
nlohmann::ordered_json refusal(const std::string& code, const std::string& why);

// Times are seconds since the epoch; a step is {"do", "why", "rule", "nodes", "jobs"}. The shapes are
// documented in weir(1) and only ever grow.
nlohmann::ordered_json status_to_json(const View& view, const Reader& reader);
nlohmann::ordered_json plan_to_json(const View& view, const Reader& reader);
nlohmann::ordered_json loans_to_json(const View& view, const Reader& reader);
nlohmann::ordered_json idle_to_json(const View& view, const Reader& reader);
nlohmann::ordered_json explain_to_json(const View& view, const Reader& reader, const std::string& job);

// How services stand; of the one of that name alone, if a name is given.
nlohmann::ordered_json services_to_json(const View& view, const Reader& reader, const std::string& name = {});

// Moves of jobs, running and past.
nlohmann::ordered_json moves_to_json(const View& view, const Reader& reader);

// Remote sites: how they stand, what they cost, and whose jobs are there. Amounts of money are in units of
// the currency.
nlohmann::ordered_json sites_to_json(const View& view, const Reader& reader);

nlohmann::ordered_json step_to_json(const Step& step);

}  // namespace weir::controller
