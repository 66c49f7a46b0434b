// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "plugin/config/policy.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"

namespace weir::controller {

// What the last cycle saw and decided: all that the control socket and the metrics tell. Never changed once
// published.
struct View {
    std::string cluster;
    config::Policy policy;
    Snapshot snapshot;
    Plan plan;
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

// Who asks: decides what he may see.
struct Reader {
    std::uint32_t uid = 0;
    bool privileged = false;  // SlurmUser or root: sees and may change everything
};

// Times are seconds since the epoch; a step is {"do", "why", "rule", "nodes", "jobs"}. The shapes are
// documented in weir(1) and only ever grow.
nlohmann::ordered_json status_to_json(const View& view);
nlohmann::ordered_json plan_to_json(const View& view, const Reader& reader);
nlohmann::ordered_json loans_to_json(const View& view, const Reader& reader);
// An error member instead of a result where there is no such job or the reader may not see it.
nlohmann::ordered_json explain_to_json(const View& view, const Reader& reader, const std::string& job);

nlohmann::ordered_json step_to_json(const Step& step);

// "2026-01-31T12:00:00Z"
std::string utc(Time time);

}  // namespace weir::controller
