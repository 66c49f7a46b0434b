// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "policies/model/ledger.h"

// What the parts of the ledger's file have in common. Readers throw nlohmann::json::exception.
namespace weir::controller::ledger_parts {

inline nlohmann::ordered_json optional_time(const std::optional<Time>& time) {
    return time ? nlohmann::ordered_json(time->time_since_epoch().count()) : nlohmann::ordered_json(nullptr);
}

inline Time time_of(const nlohmann::ordered_json& value) {
    return Time(Duration(value.get<std::int64_t>()));
}

inline std::optional<Time> optional_time_of(const nlohmann::ordered_json& object, const char* key) {
    if (!object.contains(key) || object[key].is_null()) return std::nullopt;
    return time_of(object[key]);
}

inline nlohmann::ordered_json optional_job(const std::optional<JobId>& job) {
    return job ? nlohmann::ordered_json(job->value) : nlohmann::ordered_json(nullptr);
}

inline std::optional<JobId> optional_job_of(const nlohmann::ordered_json& object, const char* key) {
    if (!object.contains(key) || object[key].is_null()) return std::nullopt;
    return JobId{object[key].get<std::uint32_t>()};
}

nlohmann::ordered_json consolidation_to_json(const Consolidation& consolidation);
Consolidation consolidation_from_json(const nlohmann::ordered_json& object);

nlohmann::ordered_json overflow_to_json(const Overflow& overflow);
Overflow overflow_from_json(const nlohmann::ordered_json& object);

// The things as a list, each as `to_json` has it.
template <class Thing, class ToJson>
nlohmann::ordered_json list_of(const std::vector<Thing>& things, ToJson to_json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Thing& thing : things) list.push_back(to_json(thing));
    return list;
}

}  // namespace weir::controller::ledger_parts
