// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/metrics.h"

#include <httplib.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "plugin/controller/site_gauges.h"

namespace weir::controller {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;

const char* kind_of(const Step& step) {
    static constexpr const char* kKinds[] = {
        "set_reservation", "delete_reservation", "name_reservation", "notify_job",    "end_job",
        "tell_job",        "tell_user",          "submit_replica",   "drain_replica", "end_replica",
        "hold_nodes",      "release_nodes",      "ask_to_save",      "pin_job",       "unpin_job",
        "nominate",        "take_back",          "extend_limit"};
    static_assert(std::size(kKinds) == std::variant_size_v<Action>);
    return kKinds[step.action.index()];
}

using NodeCounts = std::array<std::pair<const char*, int>, 6>;

NodeCounts node_counts(const RuleReport& rule, LoanCounts loans) {
    return {{{"own", rule.own},
             {"lendable", rule.lendable},
             {"lent", loans.lent},
             {"vacating", loans.vacating},
             {"owner_idle", rule.owner_idle},
             {"wanted", rule.wanted}}};
}

// The library would let a second weirctld share the port.
void share_no_port(socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

}  // namespace

struct Metrics::Parts {
    prometheus::Registry registry;
    prometheus::Family<prometheus::Gauge>& nodes =
        BuildGauge()
            .Name("weir_rule_nodes")
            .Help("Nodes of a lending rule, by what they are to it")
            .Register(registry);
    prometheus::Family<prometheus::Gauge>& waiting = BuildGauge()
                                                         .Name("weir_rule_waiting_jobs")
                                                         .Help("Borrower's jobs that wait for capacity")
                                                         .Register(registry);
    prometheus::Family<prometheus::Gauge>& free_gpus = BuildGauge()
                                                           .Name("weir_rule_borrower_free_gpus")
                                                           .Help("GPUs ready for the borrower and not in use")
                                                           .Register(registry);
    prometheus::Family<prometheus::Counter>& steps =
        BuildCounter().Name("weir_steps_total").Help("Steps taken, by kind and outcome").Register(registry);
    prometheus::Family<prometheus::Gauge>& gpus =
        BuildGauge()
            .Name("weir_gpus")
            .Help("GPUs that running jobs hold and a rule watches, by partition and verdict")
            .Register(registry);
    prometheus::Family<prometheus::Counter>& wasted =
        BuildCounter()
            .Name("weir_wasted_gpu_seconds_total")
            .Help("GPU-seconds that jobs held a GPU idle, empty or hung, by partition and account")
            .Register(registry);
    prometheus::Gauge& newest_sample = BuildGauge()
                                           .Name("weir_newest_gpu_sample_timestamp_seconds")
                                           .Help("When the newest sample of any GPU was taken; 0: none yet")
                                           .Register(registry)
                                           .Add({});
    prometheus::Gauge& last_cycle = BuildGauge()
                                        .Name("weir_last_cycle_timestamp_seconds")
                                        .Help("When the last good cycle looked at Slurm")
                                        .Register(registry)
                                        .Add({});
    prometheus::Family<prometheus::Gauge>& cycle_seconds =
        BuildGauge()
            .Name("weir_cycle_seconds")
            .Help("What the last good cycle took, by stage")
            .Register(registry);
    prometheus::Counter& cycles =
        BuildCounter().Name("weir_cycles_total").Help("Cycles that saw Slurm").Register(registry).Add({});
    prometheus::Counter& failures = BuildCounter()
                                        .Name("weir_cycle_failures_total")
                                        .Help("Cycles in which slurmctld did not answer")
                                        .Register(registry)
                                        .Add({});
    prometheus::Gauge& paused = BuildGauge()
                                    .Name("weir_paused")
                                    .Help("1 while an administrator has paused Weir")
                                    .Register(registry)
                                    .Add({});
    prometheus::Gauge& refused = BuildGauge()
                                     .Name("weir_policy_refused")
                                     .Help("1 while weir.yaml has errors and an older policy is in force")
                                     .Register(registry)
                                     .Add({});
    std::map<JobId, GpuSeconds> wasted_before;  // by the jobs of the cycle before
    std::set<std::string> watched;              // partitions that have gauges
    std::set<std::string> rules;                // that have gauges
    prometheus::Family<prometheus::Gauge>& replicas =
        BuildGauge()
            .Name("weir_service_replicas")
            .Help("Replicas of a service, by stage; stage wanted: how many there shall be")
            .Register(registry);
    prometheus::Family<prometheus::Gauge>& signals =
        BuildGauge()
            .Name("weir_service_signal_ratio")
            .Help("A signal's last value over its target; NaN while it is not heeded")
            .Register(registry);
    std::map<std::pair<std::string, std::string>, prometheus::Gauge*> service_gauges;  // by service and label
    prometheus::Gauge& moving = BuildGauge()
                                    .Name("weir_moves_running")
                                    .Help("Jobs on their way from one node to another")
                                    .Register(registry)
                                    .Add({});
    prometheus::Family<prometheus::Counter>& moves = BuildCounter()
                                                         .Name("weir_moves_total")
                                                         .Help("Moves of jobs that are over, by outcome")
                                                         .Register(registry);
    prometheus::Counter& move_loss =
        BuildCounter()
            .Name("weir_moves_lost_gpu_seconds_total")
            .Help("GPU-seconds that moved jobs did no work while they were moved")
            .Register(registry)
            .Add({});
    prometheus::Gauge& fragmented = BuildGauge()
                                        .Name("weir_fragmented_gpus")
                                        .Help("Free GPUs that a job of those here could, on average, not use")
                                        .Register(registry)
                                        .Add({});
    std::optional<std::set<std::pair<JobId, Time>>> moves_counted;  // past ones, by job and when they began
    SiteGauges sites{registry};
    std::mutex endpoints_mutex;
    std::map<std::string, std::string> endpoints;  // JSON, by service
    httplib::Server server;
    std::thread thread;

    prometheus::Gauge& nodes_of(const std::string& rule, const char* state) {
        return nodes.Add({{"rule", rule}, {"state", state}});
    }

    void update_gpus(const View& view) {
        using Verdicts = std::array<int, static_cast<std::size_t>(Verdict::kHung) + 1>;
        std::map<std::string, Verdicts> counts;
        for (const std::string& partition : watched) counts[partition] = {};
        std::map<JobId, GpuSeconds> now;
        for (const JobUse& use : view.plan.uses) {
            const Job* job = view.snapshot.job(use.job);
            if (job == nullptr || job->partitions.empty()) continue;
            const std::string& partition = view.snapshot.partitions[job->partitions.front()].name;
            for (const GpuVerdict& gpu : use.gpus) ++counts[partition][static_cast<std::size_t>(gpu.verdict)];
            const auto before = wasted_before.find(use.job);
            const GpuSeconds grown =
                use.wasted - (before != wasted_before.end() ? before->second : GpuSeconds{});
            if (grown.value > 0)
                wasted.Add({{"partition", partition}, {"account", job->account}})
                    .Increment(static_cast<double>(grown.value));
            now[use.job] = use.wasted;
        }
        wasted_before = std::move(now);
        for (const auto& [partition, verdicts] : counts) {
            watched.insert(partition);
            for (std::size_t verdict = 0; verdict < verdicts.size(); ++verdict)
                gpus.Add({{"partition", partition}, {"verdict", to_text(static_cast<Verdict>(verdict))}})
                    .Set(verdicts[verdict]);
        }
        const auto newest = view.telemetry.newest;
        newest_sample.Set(newest ? static_cast<double>(newest->time_since_epoch().count()) : 0);
    }

    void update_services(const View& view) {
        auto before = std::exchange(service_gauges, {});
        const auto set = [&](auto& family, const std::string& service, const char* label,
                             const std::string& of, double value) {
            auto& gauge = family.Add({{"service", service}, {label, of}});
            gauge.Set(value);
            service_gauges[{service, label + of}] = &gauge;
            before.erase({service, label + of});
        };
        for (const ServiceReport& report : view.plan.services) {
            set(replicas, report.service, "stage", "wanted", report.wanted);
            for (const auto stage : {ReplicaStage::kWaiting, ReplicaStage::kStarting, ReplicaStage::kReady,
                                     ReplicaStage::kDraining})
                set(replicas, report.service, "stage", to_text(stage), report.count(stage));
            for (const SignalReport& signal : report.signals)
                set(signals, report.service, "signal", signal.name,
                    signal.problem.empty() ? signal.sample->value / signal.target
                                           : std::numeric_limits<double>::quiet_NaN());
        }
        for (const auto& [name, gauge] : before) {
            replicas.Remove(gauge);
            signals.Remove(gauge);
        }
    }

    // What ended before the first look is of an earlier weirctld.
    void update_moves(const View& view) {
        const Consolidation& all = view.ledger.consolidation;
        moving.Set(static_cast<double>(all.moves.size()));
        fragmented.Set(view.plan.consolidation.fragmented_gpus);
        std::set<std::pair<JobId, Time>> past;
        for (const Move& move : all.past) {
            past.emplace(move.job, move.begun);
            if (!moves_counted || moves_counted->contains({move.job, move.begun})) continue;
            moves.Add({{"outcome", move.failure.empty() ? "moved" : "failed"}}).Increment();
            move_loss.Increment(static_cast<double>(move.lost().value));
        }
        moves_counted = std::move(past);
    }

    // A rule that weir.yaml no longer has.
    void forget(const std::string& rule) {
        for (const auto& [state, count] : node_counts({}, {})) nodes.Remove(&nodes_of(rule, state));
        waiting.Remove(&waiting.Add({{"rule", rule}}));
        free_gpus.Remove(&free_gpus.Add({{"rule", rule}}));
    }
};

Metrics::Metrics() : parts_(std::make_unique<Parts>()) {}

Metrics::~Metrics() {
    if (!parts_->thread.joinable()) return;
    parts_->server.stop();
    parts_->thread.join();
}

Result<void> Metrics::serve(const std::string& listen) {
    const auto colon = listen.rfind(':');
    int port = 0;
    const char* first = listen.data() + colon + 1;
    if (colon == std::string::npos ||
        std::from_chars(first, listen.data() + listen.size(), port).ec != std::errc{})
        return failure("metrics.listen: \"" + listen + "\" is not host:port");
    std::string host = listen.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    parts_->server.new_task_queue = [] { return new httplib::ThreadPool(2); };
    parts_->server.set_socket_options(share_no_port);
    parts_->server.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
        response.set_content(prometheus::TextSerializer().Serialize(parts_->registry.Collect()),
                             "text/plain; version=0.0.4");
    });
    parts_->server.Get("/services/([^/]+)/endpoints",
                       [this](const httplib::Request& request, httplib::Response& response) {
                           const std::lock_guard lock(parts_->endpoints_mutex);
                           const auto found = parts_->endpoints.find(request.matches[1]);
                           if (found == parts_->endpoints.end()) {
                               response.status = 404;
                               response.set_content("{\"error\": \"no such service\"}\n", "application/json");
                           } else {
                               response.set_content(found->second, "application/json");
                           }
                       });
    if (!parts_->server.bind_to_port(host, port))
        return failure("metrics.listen: cannot listen on " + listen + "; no metrics are served");
    parts_->thread = std::thread([this] { parts_->server.listen_after_bind(); });
    // stop() has an effect only on a server that runs.
    while (!parts_->server.is_running()) std::this_thread::yield();
    return {};
}

void Metrics::update(const View& view) {
    std::set<std::string> gone = std::exchange(parts_->rules, {});
    for (const RuleReport& rule : view.plan.rules) {
        gone.erase(rule.rule);
        parts_->rules.insert(rule.rule);
        for (const auto& [state, count] : node_counts(rule, count_loans(view.ledger, rule.rule)))
            parts_->nodes_of(rule.rule, state).Set(count);
        parts_->waiting.Add({{"rule", rule.rule}}).Set(rule.waiting_jobs);
        parts_->free_gpus.Add({{"rule", rule.rule}}).Set(rule.borrower_free_gpus);
    }
    for (const std::string& rule : gone) parts_->forget(rule);
    parts_->update_gpus(view);
    parts_->update_services(view);
    parts_->update_moves(view);
    parts_->sites.update(view.plan.overflow);
    parts_->last_cycle.Set(static_cast<double>(view.snapshot.at.time_since_epoch().count()));
    parts_->cycle_seconds.Add({{"stage", "observe"}}).Set(view.observe_time.count());
    parts_->cycle_seconds.Add({{"stage", "decide"}}).Set(view.decide_time.count());
    parts_->paused.Set(view.snapshot.ledger.paused ? 1 : 0);
    parts_->cycles.Increment();
}

void Metrics::publish(const std::vector<ServiceReport>& services) {
    std::map<std::string, std::string> endpoints;
    for (const ServiceReport& report : services)
        endpoints[report.service] =
            nlohmann::ordered_json{{"service", report.service}, {"endpoints", report.endpoints}}.dump() +
            "\n";
    const std::lock_guard lock(parts_->endpoints_mutex);
    parts_->endpoints = std::move(endpoints);
}

void Metrics::failed() {
    parts_->failures.Increment();
}

void Metrics::step_taken(const Step& step, bool succeeded) {
    parts_->steps.Add({{"kind", kind_of(step)}, {"outcome", succeeded ? "done" : "failed"}}).Increment();
}

void Metrics::policy_refused(bool refused) {
    parts_->refused.Set(refused ? 1 : 0);
}

}  // namespace weir::controller
