// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/controller.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>

#include "plugin/actuate/actuate.h"
#include "plugin/actuate/endpoints.h"
#include "plugin/actuate/file.h"
#include "plugin/config/parse.h"
#include "plugin/controller/crash_point.h"
#include "plugin/controller/heartbeat.h"
#include "plugin/controller/ledger_file.h"
#include "plugin/controller/sources.h"
#include "plugin/slurm/submit.h"
#include "policies/consolidate/consolidate.h"
#include "policies/idle/idle.h"
#include "policies/lend/lend.h"
#include "policies/overflow/overflow.h"
#include "policies/services/services.h"

namespace weir::controller {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRestFactor = 10;  // a cycle is at least so many times as long as observing takes
constexpr std::chrono::milliseconds kCycleOfMoves{2000};  // a job that is being moved does no work meanwhile
constexpr Duration kRefusedRest{60};                      // before a job that Slurm refused is tried again

Time now() {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

}  // namespace

Controller::Controller(Files files, config::Policy policy, const slurm::Session& session, Shared& shared,
                       Metrics& metrics)
    : files_(std::move(files)),
      policy_(std::move(policy)),
      session_(session),
      shared_(shared),
      metrics_(metrics),
      journal_(files_.state / "journal.jsonl") {
    follow_policy();
    const auto file = files_.state / "ledger.json";
    auto ledger = load_ledger(file);
    if (ledger) {
        ledger_ = std::move(*ledger);
        return;
    }
    // Slurm holds the loans themselves; what is lost is since when and why.
    std::error_code failed;
    std::filesystem::rename(file, file.string() + ".unreadable", failed);
    spdlog::error("{}; it is kept as {}.unreadable, and loans are taken over as they stand in Slurm",
                  ledger.error().message, file.string());
}

void Controller::run() {
    journal_.event(now(), "start", "weirctld", "");
    Clock::time_point soonest = Clock::now();
    Clock::time_point latest = soonest;
    while (shared_.wait(soonest, latest)) {
        const auto start = Clock::now();
        if (shared_.take_reload()) reload();
        cycle();
        soonest = start + kRestFactor * observe_time_;
        const auto period =
            ledger_.consolidation.moves.empty() ? policy_.cycle : std::min(policy_.cycle, kCycleOfMoves);
        latest = std::max(soonest, start + std::chrono::duration_cast<Clock::duration>(period));
    }
    journal_.event(now(), "stop", "weirctld", "");
}

void Controller::reload() {
    tables_.reread_configuration();
    auto policy = config::load(files_.policy);
    if (!policy) {
        for (const std::string& problem : policy.error()) spdlog::error("{}", problem);
        spdlog::error("{} is not taken over; the policy read before stays in force", files_.policy.string());
        journal_.event(now(), "reload", "weirctld", "refused: " + policy.error().front());
        metrics_.policy_refused(true);
        return;
    }
    metrics_.policy_refused(false);
    if (*policy != policy_)
        spdlog::info("{} read anew: {} lending rules, {} services", files_.policy.string(),
                     policy->lend.size(), policy->services.size());
    policy_ = std::move(*policy);
    follow_policy();
    journal_.event(now(), "reload", "weirctld", "");
}

void Controller::follow_policy() {
    const auto windows = policies::gpu_windows(policy_.idle);
    telemetry_.use(observe::TelemetrySource{policy_.telemetry.prometheus, policy_.telemetry.match,
                                            policy_.telemetry.agents, policy_.telemetry.period,
                                            windows.empty() ? policy_.telemetry.period : windows.back()});
    watch_.use(service_sources(policy_));
    sites_.use(gateway_sources(policy_));
}

// By it a site tells the copies of this cluster's jobs from all others, so it is made once and kept.
void Controller::name_installation() {
    if (policy_.overflow.sites.empty() || !ledger_.overflow.installation.empty()) return;
    std::random_device random;
    Ledger ledger = ledger_;
    ledger.overflow.installation = fmt::format("{:08x}{:08x}", random(), random());
    remember(ledger);
}

Result<void> Controller::observe(Snapshot& snapshot) {
    const auto start = Clock::now();
    const bool gpu_uses = !policy_.idle.empty() || policy_.consolidate;
    auto loaded = tables_.refresh(gpu_uses);
    if (loaded) {
        snapshot =
            observe::to_snapshot(tables_, reservation_names(policy_), now(), names_, gpu_uses,
                                 service_jobs(policy_), gateways(policy_, ledger_.overflow.installation));
        snapshot.services = watch_.look();
        sites_.settled(ledger_.overflow.settled);
        snapshot.sites = sites_.look();
        snapshot.ledger = ledger_;
        snapshot.gpu_windows = policies::gpu_windows(policy_.idle);
        if (policy_.telemetry.agents != 0) telemetry_.use(observe::agent_hosts(tables_));
        if (policy_.telemetry.configured()) telemetry_.look(snapshot);
        std::erase_if(refused_until_, [&](const auto& entry) { return entry.second <= snapshot.at; });
        for (Job& job : snapshot.jobs) job.refused = refused_until_.contains(job.id);
    }
    // One slow answer shall not hold up the cycles after it.
    const Clock::duration took = Clock::now() - start;
    observe_time_ = std::min(took, std::exchange(last_observe_time_, took));
    return loaded;
}

// All rules, or those alone that act: what is only advised must leave no trace in the loans remembered. GPUs
// are watched for rules that only advise, too; what these would do about them is left out.
Plan Controller::decide(const Snapshot& snapshot, bool only_what_acts) const {
    const auto left_out = [&](const auto& rule) {
        return only_what_acts && (!policy_.acts(rule) || ledger_.paused);
    };
    std::vector<policies::LendRule> lending;
    std::vector<std::string> serving;
    for (const auto& rule : policy_.lend) {
        if (!left_out(rule)) lending.push_back(rule);
        serving.push_back(rule.to);
    }
    std::vector<policies::IdleRule> watching = policy_.idle;
    for (auto& rule : watching) {
        if (left_out(rule)) rule.then.clear();
    }
    std::set<std::string> gentle;
    for (const auto& rule : policy_.lend)
        if (rule.reclaim.then == Ending::kLeave) gentle.insert(rule.name);
    std::vector<policies::ServiceRule> serviced = policy_.services;
    for (auto& rule : serviced) rule.frozen = left_out(rule);
    Plan plan = policies::lend(snapshot, lending);
    policies::services(snapshot, serviced, gentle, plan);
    policies::idle(snapshot, watching, policy_.gpu_types, serving, plan);
    if (!only_what_acts || !ledger_.paused)
        policies::consolidate(snapshot, policy_.consolidate,
                              policy_.consolidate && left_out(*policy_.consolidate), plan);
    policies::OverflowPolicy overflow = policy_.overflow;
    for (auto& rule : overflow.rules)
        rule.mode = left_out(rule) ? policies::Mode::kAdvise : policies::Mode::kAct;
    policies::overflow(snapshot, overflow, policy_.gpu_types, only_what_acts && ledger_.paused, plan);
    return plan;
}

void Controller::cycle() {
    take_orders(now());
    name_installation();
    auto view = std::make_shared<View>();
    if (auto seen = observe(view->snapshot); !seen) {
        observe_time_ = {};  // it waited for an answer; nothing was asked of slurmctld that calls for rest
        last_observe_time_ = {};
        return fail(seen.error().message);
    }
    if (!problem_.empty()) spdlog::info("slurmctld answers again");
    problem_.clear();

    const auto start = Clock::now();
    const auto acts = [&](const auto& rule) { return policy_.acts(rule) && !ledger_.paused; };
    Plan would_be = decide(view->snapshot, false);
    const Plan to_take = std::ranges::all_of(policy_.lend, acts) && std::ranges::all_of(policy_.idle, acts) &&
                                 std::ranges::all_of(policy_.services, acts) &&
                                 std::ranges::all_of(policy_.overflow.rules, acts) &&
                                 (!policy_.consolidate || acts(*policy_.consolidate))
                             ? would_be
                             : decide(view->snapshot, true);
    view->plan = as_told(std::move(would_be), to_take);
    view->decide_time = Clock::now() - start;
    view->observe_time = observe_time_;
    view->cluster = session_.cluster();
    view->policy = policy_;
    view->cycle = ++cycles_;
    view->period = std::max<std::chrono::duration<double>>(policy_.cycle, kRestFactor * observe_time_);
    view->private_data = tables_.private_data();
    last_failures_ = std::exchange(failures_, {});
    write_heartbeat(view->snapshot, to_take);
    follow_replicas(to_take);
    publish(to_take);
    metrics_.publish(to_take.services);
    act(view->snapshot, to_take);
    view->ledger = ledger_;
    view->telemetry = telemetry_.state();
    view->failures = failures_;
    metrics_.update(*view);
    shared_.publish(std::move(view));
}

// The last good view stays, with the problem beside it.
void Controller::fail(const std::string& problem) {
    if (problem_.empty()) problem_since_ = now();
    if (problem != problem_) spdlog::warn("{}; trying on", problem);
    problem_ = problem;
    metrics_.failed();
    auto view = std::make_shared<View>();
    if (const auto last = shared_.view()) *view = *last;
    view->problem = problem_;
    view->problem_since = problem_since_;
    shared_.publish(std::move(view));
}

// Those that run are asked whether they are ready.
void Controller::follow_replicas(const Plan& plan) {
    std::vector<observe::ProbeTarget> targets;
    for (const ServiceReport& report : plan.services) {
        const auto rule = std::ranges::find(policy_.services, report.service, &policies::ServiceRule::name);
        if (rule == policy_.services.end() || rule->ready_path.empty()) continue;
        for (const ReplicaReport& replica : report.replicas)
            if (!replica.endpoint.empty())
                targets.push_back(
                    {replica.job, report.service, "http://" + replica.endpoint + rule->ready_path});
    }
    watch_.use(std::move(targets));
}

// Before any step: a replica is off the endpoints before it gets notice.
void Controller::publish(const Plan& plan) {
    for (const ServiceReport& report : plan.services) {
        const auto rule = std::ranges::find(policy_.services, report.service, &policies::ServiceRule::name);
        if (rule == policy_.services.end()) continue;
        if (auto written = actuate::publish(*rule, report); !written)
            note_failure("write the endpoints of service " + report.service, {}, written.error().message);
    }
}

void Controller::act(const Snapshot& snapshot, const Plan& plan) {
    if (!remember(plan.ledger)) return;
    for (const Step& step : plan.steps) {
        if (shared_.stopped() || !take_step(snapshot, step)) return;
    }
}

// Whether the plan may go on.
bool Controller::take_step(const Snapshot& snapshot, const Step& step) {
    const auto taken = actuate::take(step, snapshot, {policy_.lend, policy_.services}, crash_point);
    crash_point();
    const std::string error = taken ? "" : taken.error().message;
    journal_.step(now(), step, error);
    metrics_.step_taken(step, error.empty());
    if (taken) {
        spdlog::info("{}: {}", to_text(step.action), step.why);
        Ledger ledger = ledger_;
        record(ledger, step, std::chrono::ceil<Duration>(std::chrono::system_clock::now()));
        return remember(ledger);
    }
    spdlog::warn("{} failed: {}", to_text(step.action), error);
    if (const auto* name = std::get_if<NameReservation>(&step.action)) {
        refused_until_[name->job] = now() + kRefusedRest;
        return true;
    }
    note_failure(to_text(step.action), step.jobs, error);
    if (taken.error().code != slurm::kUnsure) {
        Ledger ledger = ledger_;
        record_refusal(ledger, step, error, now());
        if (!remember(ledger)) return false;
    }
    return !std::holds_alternative<SetReservation>(step.action);
}

void Controller::note_failure(std::string what, std::vector<JobId> jobs, std::string error) {
    const auto before = std::ranges::find(last_failures_, what, &Failure::what);
    const Time since = before != last_failures_.end() ? before->since : now();
    failures_.push_back({std::move(what), std::move(jobs), std::move(error), since});
}

bool Controller::remember(const Ledger& ledger) {
    if (ledger == ledger_) return true;
    crash_point();
    if (auto saved = save_ledger(files_.state / "ledger.json", ledger); !saved) {
        spdlog::error("{}; nothing is done until the ledger can be written", saved.error().message);
        note_failure("write the ledger, without which nothing is done", {}, saved.error().message);
        return false;
    }
    ledger_ = ledger;
    crash_point();
    return true;
}

void Controller::write_heartbeat(const Snapshot& snapshot, const Plan& plan) {
    // While paused it goes stale, and submissions use the reservation as it stands.
    if (ledger_.paused) return;
    const auto valid_for = std::max<std::chrono::duration<double>>(
                               3 * std::chrono::duration<double>(policy_.cycle), std::chrono::seconds(15)) +
                           3 * kRestFactor * std::chrono::duration<double>(observe_time_);
    const std::string text =
        heartbeat_text(snapshot, plan, policy_, std::chrono::ceil<Duration>(valid_for), uids_);
    std::string problem = heartbeat_problem(text);
    if (problem.empty()) {
        auto written = actuate::replace_file(files_.state / "heartbeat", text, false);
        if (written) return;
        problem = written.error().message;
    }
    const std::string what = "write the heartbeat, without which job_submit_weir leaves jobs alone";
    if (std::ranges::find(last_failures_, what, &Failure::what) == last_failures_.end())
        spdlog::error("failed to {}: {}", what, problem);
    note_failure(what, {}, std::move(problem));
}

void Controller::take_orders(Time at) {
    for (const auto& order : shared_.take_orders()) order->done.set_value(carry_out(*order, at));
}

std::string Controller::carry_out_scale(Order& order, Time at) {
    const auto rule = std::ranges::find(policy_.services, order.service, &policies::ServiceRule::name);
    if (rule == policy_.services.end()) return "no service is named " + order.service;
    if (order.pin && order.pin->count > rule->max)
        return order.service + " may have " + std::to_string(rule->max) +
               " replicas at most (replicas.max of weir.yaml)";
    Ledger ledger = ledger_;
    if (order.pin) order.pin->by = order.by;
    service_state(ledger, order.service).pin = order.pin;
    if (!remember(ledger)) return "the ledger cannot be written; see weirctld's log";
    const std::string what = order.service + (order.pin ? " " + std::to_string(order.pin->count) : " auto");
    journal_.event(at, "scale", order.by, what);
    spdlog::info("scale by {}: {}", order.by, what);
    return {};
}

std::string Controller::carry_out(Order& order, Time at) {
    if (order.kind == Order::Kind::kScale) return carry_out_scale(order, at);
    for (const std::string& rule : order.rules) {
        if (std::ranges::find(policy_.lend, rule, &policies::LendRule::name) == policy_.lend.end())
            return "no lending rule is named " + rule;
    }
    std::vector<std::string> rules = order.rules;
    if (rules.empty()) {
        for (const auto& rule : policy_.lend) rules.push_back(rule.name);
    }
    Ledger ledger = ledger_;
    std::string event;
    switch (order.kind) {
    case Order::Kind::kPause:
        event = "pause";
        ledger.paused = true;
        ledger.paused_by = order.by;
        break;
    case Order::Kind::kResume:
        event = "resume";
        // Without names it ends the pause, if there is one, and what was ordered home during it stays
        // ordered.
        if (ledger.paused && order.rules.empty()) {
            ledger.paused = false;
            ledger.paused_by.clear();
            break;
        }
        for (const std::string& rule : rules) rule_state(ledger, rule).held_home = false;
        break;
    case Order::Kind::kReturn:
        event = "return";
        for (const std::string& rule : rules) rule_state(ledger, rule).held_home = true;
        break;
    case Order::Kind::kScale:
        break;  // carried out above
    }
    if (!remember(ledger)) return "the ledger cannot be written; see weirctld's log";
    std::string which;
    for (const std::string& rule : rules) which += (which.empty() ? "" : " ") + rule;
    journal_.event(at, event, order.by, which);
    spdlog::info("{} by {}: {}", event, order.by, which);
    order.paused = ledger_.paused;
    for (const auto& rule : policy_.lend)
        if (held_home(ledger_, rule.name)) order.held_home.push_back(rule.name);
    return {};
}

}  // namespace weir::controller
