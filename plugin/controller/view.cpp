// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/view.h"

#include <slurm/slurm.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "plugin/controller/view_parts.h"

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

namespace weir::controller {
namespace {

using json = nlohmann::ordered_json;

bool may_see_reservations(const View& view, const Reader& reader) {
    return reader.privileged || (view.private_data & (PRIVATE_DATA_RESERVATIONS | PRIVATE_DATA_NODES)) == 0;
}

json rule_to_json(const View& view, const RuleReport& report) {
    const auto rule = std::ranges::find(view.policy.lend, report.rule, &policies::LendRule::name);
    const LoanCounts loans = count_loans(view.ledger, report.rule);
    const bool acts = rule != view.policy.lend.end() && view.policy.acts(*rule);
    return {{"name", report.rule},
            {"reservation", report.reservation},
            {"mode", acts ? "act" : "advise"},
            {"from", report.from},
            {"to", report.to},
            {"own_nodes", report.own},
            {"lendable_nodes", report.lendable},
            {"lent_nodes", loans.lent},
            {"vacating_nodes", loans.vacating},
            {"owner_idle_nodes", report.owner_idle},
            {"borrower_free_gpus", report.borrower_free_gpus},
            {"wanted_nodes", report.wanted},
            {"waiting_jobs", report.waiting_jobs},
            {"held_home", held_home(view.ledger, report.rule)},
            {"held_back", report.held_back},
            {"problem", report.problem}};
}

json telemetry_to_json(const View& view) {
    if (!view.policy.telemetry.configured()) return nullptr;
    std::size_t watched = 0;
    std::size_t known = 0;
    std::size_t wasted = 0;
    for (const JobUse& use : view.plan.uses) {
        watched += use.gpus.size();
        known += use.gpus.size() - static_cast<std::size_t>(
                                       std::ranges::count(use.gpus, Verdict::kUnknown, &GpuVerdict::verdict));
        wasted += static_cast<std::size_t>(use.wasting());
    }
    return {
        {"source", view.policy.telemetry.prometheus.empty() ? "agents" : view.policy.telemetry.prometheus},
        {"period_seconds", view.policy.telemetry.period.count()},
        {"answered", optional_seconds(view.telemetry.at)},
        {"took_seconds", view.telemetry.seconds},
        {"newest_sample", optional_seconds(view.telemetry.newest)},
        {"problem", view.telemetry.problem},
        {"gpus", view.telemetry.gpus},
        {"gpus_watched", watched},
        {"gpus_known", known},
        {"gpus_wasted", wasted}};
}

json use_to_json(const Snapshot& snapshot, const JobUse& use, const Job& job) {
    json gpus = json::array();
    for (const GpuVerdict& gpu : use.gpus) {
        gpus.push_back({{"node", gpu.node},
                        {"index", gpu.index},
                        {"verdict", to_text(gpu.verdict)},
                        {"since", is_waste(gpu.verdict) ? json(seconds(gpu.since)) : json(nullptr)},
                        {"evidence", gpu.evidence}});
    }
    return {{"job", job.label},
            {"user", job.user},
            {"account", job.account},
            {"partition", job.partitions.empty() ? "" : snapshot.partitions[job.partitions.front()].name},
            {"rule", use.rule},
            {"gpus_wasted", use.wasting()},
            {"wasted_gpu_seconds", use.wasted.value},
            {"told", job.told},
            {"gpus", gpus}};
}

json partition_to_json(const View& view, const std::set<std::string_view>& lent_nodes,
                       const Partition& partition) {
    int idle = 0, lent = 0, gpus = 0, gpus_used = 0, gpus_lent = 0;
    for (const NodeIndex index : partition.nodes) {
        const Node& node = view.snapshot.nodes[index];
        int total = 0;
        for (const GpuPool& pool : node.gpus) {
            total += pool.total;
            gpus_used += pool.used;
        }
        gpus += total;
        if (lent_nodes.contains(node.name)) {
            ++lent;
            gpus_lent += total;
        }
        if (node.jobs == 0 && node.state == NodeState::kUp && !node.completing) ++idle;
    }
    return {{"name", partition.name}, {"nodes", partition.nodes.size()},
            {"idle_nodes", idle},     {"lent_nodes", lent},
            {"gpus", gpus},           {"gpus_used", gpus_used},
            {"gpus_lent", gpus_lent}};
}

// What `weir status` says of services.
json service_notes(const View& view) {
    json services = json::array();
    for (const ServiceReport& report : view.plan.services) {
        json problems = json::array();
        for (const SignalReport& signal : report.signals)
            if (!signal.problem.empty()) problems.push_back("signal " + signal.name + " " + signal.problem);
        if (!report.failure.empty()) problems.push_back(report.failure);
        services.push_back({{"name", report.service},
                            {"wanted", report.wanted},
                            {"ready", report.count(ReplicaStage::kReady)},
                            {"starting", report.count(ReplicaStage::kStarting)},
                            {"waiting", report.count(ReplicaStage::kWaiting)},
                            {"draining", report.count(ReplicaStage::kDraining)},
                            {"problems", problems}});
    }
    return services;
}

// What `weir status` says of moves; null where none may be made.
json consolidation_notes(const View& view) {
    if (!view.policy.consolidate) return nullptr;
    const ConsolidationReport& report = view.plan.consolidation;
    return {{"mode", view.policy.acts(*view.policy.consolidate) ? "act" : "advise"},
            {"moves", view.ledger.consolidation.moves.size()},
            {"wanted", report.goals.size()},
            {"movable_jobs", report.movable},
            {"fragmented_gpus", report.fragmented_gpus}};
}

}  // namespace

std::int64_t seconds(Time time) {
    return time.time_since_epoch().count();
}
json optional_seconds(const std::optional<Time>& time) {
    return time ? json(seconds(*time)) : json(nullptr);
}

bool may_see(const View& view, const Reader& reader, const std::vector<JobId>& jobs) {
    if (reader.privileged || (view.private_data & PRIVATE_DATA_JOBS) == 0) return true;
    return std::ranges::all_of(jobs, [&](JobId id) {
        const Job* job = view.snapshot.job(id);
        return job != nullptr && job->uid == reader.uid;
    });
}

json refusal(const std::string& code, const std::string& why) {
    return {{"error", why}, {"code", code}};
}

json step_to_json(const Step& step) {
    json object{{"do", to_text(step.action)}, {"why", step.why}};
    std::visit(
        [&](const auto& action) {
            using Taken = std::decay_t<decltype(action)>;
            if constexpr (requires { action.told; }) object["told"] = action.told;
            if constexpr (requires { action.message; }) object["told"] = action.message;
            if constexpr (std::is_same_v<Taken, SetReservation>) {
                object["kind"] = "set_reservation";
                object["rule"] = action.rule;
                object["nodes"] = action.nodes;
                object["added"] = action.added;
                object["removed"] = action.removed;
            } else if constexpr (std::is_same_v<Taken, DeleteReservation>) {
                object["kind"] = "delete_reservation";
                object["rule"] = action.rule;
            } else if constexpr (std::is_same_v<Taken, NameReservation>) {
                object["kind"] = "name_reservation";
                object["rule"] = action.rule;
                object["job"] = action.job.value;
            } else if constexpr (std::is_same_v<Taken, TellJob> || std::is_same_v<Taken, TellUser>) {
                object["kind"] = std::is_same_v<Taken, TellJob> ? "tell_job" : "tell_user";
                object["rule"] = action.rule;
                object["job"] = action.job.value;
            } else if constexpr (std::is_same_v<Taken, SubmitReplica>) {
                object["kind"] = "submit_replica";
                object["rule"] = action.service;
                object["replica"] = action.label;
            } else if constexpr (std::is_same_v<Taken, DrainReplica> || std::is_same_v<Taken, EndReplica>) {
                object["kind"] = std::is_same_v<Taken, DrainReplica> ? "drain_replica" : "end_replica";
                object["rule"] = action.service;
                object["replica"] = action.label;
                object["job"] = action.job.value;
            } else if constexpr (std::is_same_v<Taken, HoldNodes>) {
                object["kind"] = "hold_nodes";
                object["rule"] = "consolidate";
                object["nodes"] = action.nodes;
            } else if constexpr (std::is_same_v<Taken, ReleaseNodes>) {
                object["kind"] = "release_nodes";
                object["rule"] = "consolidate";
            } else if constexpr (std::is_same_v<Taken, AskToSave> || std::is_same_v<Taken, PinJob> ||
                                 std::is_same_v<Taken, UnpinJob>) {
                object["kind"] = std::is_same_v<Taken, AskToSave> ? "ask_to_save"
                                 : std::is_same_v<Taken, PinJob>  ? "pin_job"
                                                                  : "unpin_job";
                object["rule"] = "consolidate";
                object["job"] = action.job.value;
            } else if constexpr (std::is_same_v<Taken, Nominate> || std::is_same_v<Taken, TakeBack> ||
                                 std::is_same_v<Taken, ExtendLimit>) {
                object["kind"] = std::is_same_v<Taken, Nominate>   ? "nominate"
                                 : std::is_same_v<Taken, TakeBack> ? "take_back"
                                                                   : "extend_limit";
                object["rule"] = "overflow";
                if constexpr (requires { action.rule; }) object["overflow_rule"] = action.rule;
                object["site"] = action.site;
                object["job"] = action.job.value;
            } else {
                object["kind"] = std::is_same_v<Taken, NotifyJob> ? "notify_job" : "end_job";
                object["rule"] = action.rule;
                object["node"] = action.node;
                object["job"] = action.job.value;
            }
        },
        step.action);
    json jobs = json::array();
    for (const JobId id : step.jobs) jobs.push_back(id.value);
    object["for_jobs"] = jobs;
    return object;
}

json status_to_json(const View& view, const Reader& reader) {
    json partitions = json::array();
    std::set<std::string_view> lent_nodes;
    for (const Loan& loan : view.ledger.loans) {
        if (!loan.vacating && loan.confirmed) lent_nodes.insert(loan.node);
    }
    json failures = json::array();
    for (const Failure& failure : view.failures) {
        if (may_see(view, reader, failure.jobs))
            failures.push_back(
                {{"what", failure.what}, {"error", failure.error}, {"since", seconds(failure.since)}});
    }
    for (const Partition& partition : view.snapshot.partitions)
        partitions.push_back(partition_to_json(view, lent_nodes, partition));
    json rules = json::array();
    for (const RuleReport& report : view.plan.rules) rules.push_back(rule_to_json(view, report));
    const Ledger& ledger = view.ledger;
    return {{"cluster", view.cluster},
            {"version", WEIR_VERSION},
            {"mode", view.policy.mode == policies::Mode::kAct ? "act" : "advise"},
            {"paused", ledger.paused},
            {"paused_by", ledger.paused_by},
            {"healthy", view.problem.empty() && view.failures.empty()},
            {"problem", view.problem},
            {"problem_since", view.problem.empty() ? json(nullptr) : json(seconds(view.problem_since))},
            {"failures", failures},
            {"cycle",
             {{"number", view.cycle},
              {"at", seconds(view.snapshot.at)},
              {"period_seconds", view.period.count()},
              {"observe_seconds", view.observe_time.count()},
              {"decide_seconds", view.decide_time.count()}}},
            {"partitions", partitions},
            {"rules", rules},
            {"services", service_notes(view)},
            {"consolidation", consolidation_notes(view)},
            {"overflow", overflow_notes(view)},
            {"telemetry", telemetry_to_json(view)}};
}

json plan_to_json(const View& view, const Reader& reader) {
    json steps = json::array();
    for (const Step& step : view.plan.steps) {
        if (!may_see(view, reader, step.jobs)) continue;
        steps.push_back(step_to_json(step));
    }
    json rules = json::array();
    for (const RuleReport& report : view.plan.rules) rules.push_back(rule_to_json(view, report));
    return {{"at", seconds(view.snapshot.at)},
            {"mode", view.policy.mode == policies::Mode::kAct ? "act" : "advise"},
            {"paused", view.ledger.paused},
            {"consolidate", view.policy.consolidate
                                ? json(view.policy.acts(*view.policy.consolidate) ? "act" : "advise")
                                : json(nullptr)},
            {"steps", steps},
            {"rules", rules},
            {"goals", goals_to_json(view, reader)},
            {"overflow", overflow_rules(view)},
            {"currency", view.plan.overflow.currency},
            {"comparisons", comparisons_to_json(view, reader)},
            {"not_compared", view.plan.overflow.not_looked_at}};
}

json loans_to_json(const View& view, const Reader& reader) {
    if (!may_see_reservations(view, reader))
        return refusal("private", "reservations are private here (PrivateData in slurm.conf)");
    json loans = json::array();
    for (const Loan& loan : view.ledger.loans) {
        if (!loan.confirmed && !loan.vacating) continue;
        std::vector<JobId> named;
        if (loan.for_job) named.push_back(*loan.for_job);
        if (loan.vacating && loan.vacating->for_job) named.push_back(*loan.vacating->for_job);
        const bool visible = may_see(view, reader, named);
        const auto rule = std::ranges::find(view.policy.lend, loan.rule, &policies::LendRule::name);
        json jobs = json::array();
        if (const auto index = view.snapshot.node(loan.node)) {
            for (const Job& job : view.snapshot.jobs) {
                if (job.state == JobState::kPending || !std::ranges::binary_search(job.nodes, *index))
                    continue;
                if (may_see(view, reader, {job.id})) jobs.push_back(job.label);
            }
        }
        const std::string hidden = "(another user's job)";
        loans.push_back(
            {{"node", loan.node},
             {"rule", loan.rule},
             {"from", loan.from},
             {"to", rule != view.policy.lend.end() ? rule->to : ""},
             {"since", seconds(loan.since)},
             {"why", visible ? loan.why : hidden},
             {"state", loan.vacating       ? "vacating"
                       : loan.unused_since ? "unused"
                                           : "used"},
             {"unused_since", optional_seconds(loan.unused_since)},
             {"vacating_since", loan.vacating ? json(seconds(loan.vacating->since)) : json(nullptr)},
             {"vacating_why", loan.vacating ? (visible ? loan.vacating->why : hidden) : ""},
             {"jobs", jobs}});
    }
    return {{"at", seconds(view.snapshot.at)}, {"loans", loans}};
}

json idle_to_json(const View& view, const Reader& reader) {
    if (view.policy.idle.empty())
        return refusal("bad_request", "weir.yaml has no rule on idle GPUs (idle:), so none is watched");
    json jobs = json::array();
    std::size_t hidden = 0;
    for (const JobUse& use : view.plan.uses) {
        const Job* job = view.snapshot.job(use.job);
        if (job == nullptr) continue;
        if (may_see(view, reader, {use.job}))
            jobs.push_back(use_to_json(view.snapshot, use, *job));
        else
            ++hidden;
    }
    return {{"at", seconds(view.snapshot.at)},
            {"telemetry", telemetry_to_json(view)},
            {"jobs", jobs},
            {"hidden", hidden}};
}

}  // namespace weir::controller
