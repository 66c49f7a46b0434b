// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "plugin/controller/view_parts.h"
#include "policies/services/services.h"

namespace weir::controller {
namespace {

using json = nlohmann::ordered_json;

json signals_to_json(const ServiceReport& report) {
    json signals = json::array();
    for (const SignalReport& signal : report.signals)
        signals.push_back({{"name", signal.name},
                           {"value", signal.sample ? json(signal.sample->value) : json(nullptr)},
                           {"target", signal.target},
                           {"sampled", signal.sample ? json(seconds(signal.sample->at)) : json(nullptr)},
                           {"problem", signal.problem},
                           {"asks_replicas", signal.asks}});
    return signals;
}

json replicas_to_json(const View& view, const Reader& reader, const ServiceReport& report) {
    json replicas = json::array();
    for (const ReplicaReport& replica : report.replicas) {
        const bool visible = may_see(view, reader, {replica.job});
        replicas.push_back({{"number", replica.number},
                            {"job", visible ? json(replica.job.value) : json(nullptr)},
                            {"stage", to_text(replica.stage)},
                            {"since", seconds(replica.since)},
                            {"node", replica.node},
                            {"lent", replica.lent},
                            {"endpoint", replica.endpoint},
                            {"why", replica.why}});
    }
    return replicas;
}

json service_to_json(const View& view, const Reader& reader, const ServiceReport& report) {
    const auto rule = std::ranges::find(view.policy.services, report.service, &policies::ServiceRule::name);
    const bool known = rule != view.policy.services.end();
    return {{"name", report.service},
            {"mode", known && view.policy.acts(*rule) ? "act" : "advise"},
            {"user", known ? rule->user : ""},
            {"min", known ? rule->min : 0},
            {"max", known ? rule->max : 0},
            {"wanted", report.wanted},
            {"why", report.why},
            {"ready", report.count(ReplicaStage::kReady)},
            {"starting", report.count(ReplicaStage::kStarting)},
            {"waiting", report.count(ReplicaStage::kWaiting)},
            {"draining", report.count(ReplicaStage::kDraining)},
            {"pinned", report.pin ? json(report.pin->count) : json(nullptr)},
            {"pinned_until", report.pin ? optional_seconds(report.pin->until) : json(nullptr)},
            {"predicted", report.predicted ? json(*report.predicted) : json(nullptr)},
            {"held", report.held},
            {"failure", report.failure},
            {"signals", signals_to_json(report)},
            {"replicas", replicas_to_json(view, reader, report)},
            {"endpoints", report.endpoints},
            {"explained", policies::explain(report)}};
}

}  // namespace

json services_to_json(const View& view, const Reader& reader, const std::string& name) {
    if (view.policy.services.empty() && name.empty())
        return refusal("bad_request", "weir.yaml has no service (services:)");
    json services = json::array();
    for (const ServiceReport& report : view.plan.services)
        if (name.empty() || report.service == name) services.push_back(service_to_json(view, reader, report));
    if (services.empty()) return refusal("no_job", "weir.yaml has no service " + name);
    return {{"at", seconds(view.snapshot.at)}, {"services", services}};
}

}  // namespace weir::controller
