// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/ledger_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "plugin/actuate/file.h"
#include "plugin/controller/ledger_parts.h"

namespace weir::controller {
namespace {

using json = nlohmann::ordered_json;
using namespace ledger_parts;
constexpr int kVersion = 1;

std::string system_error(const std::string& what, const std::filesystem::path& file) {
    return what + " " + file.string() + ": " + std::strerror(errno);
}

json vacating_to_json(const Vacating& vacating) {
    json notices = json::array();
    for (const Notice& notice : vacating.notices)
        notices.push_back({{"job", notice.job.value}, {"at", notice.at.time_since_epoch().count()}});
    return {{"since", vacating.since.time_since_epoch().count()},
            {"why", vacating.why},
            {"for_job", optional_job(vacating.for_job)},
            {"stops_jobs", vacating.stops_jobs},
            {"notices", notices}};
}

Vacating vacating_from_json(const json& object) {
    Vacating vacating;
    vacating.since = time_of(object.at("since"));
    vacating.why = object.at("why");
    vacating.for_job = optional_job_of(object, "for_job");
    vacating.stops_jobs = object.at("stops_jobs");
    for (const json& notice : object.at("notices"))
        vacating.notices.push_back({JobId{notice.at("job").get<std::uint32_t>()}, time_of(notice.at("at"))});
    return vacating;
}

json loan_to_json(const Loan& loan) {
    return {{"rule", loan.rule},
            {"node", loan.node},
            {"from", loan.from},
            {"since", loan.since.time_since_epoch().count()},
            {"why", loan.why},
            {"for_job", optional_job(loan.for_job)},
            {"confirmed", loan.confirmed},
            {"unused_since", optional_time(loan.unused_since)},
            {"vacating", loan.vacating ? vacating_to_json(*loan.vacating) : json(nullptr)}};
}

Loan loan_from_json(const json& object) {
    Loan loan;
    loan.rule = object.at("rule");
    loan.node = object.at("node");
    loan.from = object.at("from");
    loan.since = time_of(object.at("since"));
    loan.why = object.at("why");
    loan.for_job = optional_job_of(object, "for_job");
    loan.confirmed = object.at("confirmed");
    loan.unused_since = optional_time_of(object, "unused_since");
    if (object.contains("vacating") && !object["vacating"].is_null())
        loan.vacating = vacating_from_json(object["vacating"]);
    return loan;
}

json rule_to_json(const RuleState& state) {
    return {{"rule", state.rule},
            {"backoff_seconds", state.backoff.count()},
            {"last_flip", optional_time(state.last_flip)},
            {"lend_after", optional_time(state.lend_after)},
            {"last_write", optional_time(state.last_write)},
            {"held_home", state.held_home}};
}

RuleState rule_from_json(const json& object) {
    RuleState state;
    state.rule = object.at("rule");
    state.backoff = Duration(object.at("backoff_seconds").get<std::int64_t>());
    state.last_flip = optional_time_of(object, "last_flip");
    state.lend_after = optional_time_of(object, "lend_after");
    state.last_write = optional_time_of(object, "last_write");
    state.held_home = object.at("held_home");
    return state;
}

json idle_to_json(const IdleJob& idle) {
    json spells = json::array();
    for (const GpuVerdict& spell : idle.spells)
        spells.push_back({{"node", spell.node},
                          {"index", spell.index},
                          {"verdict", static_cast<int>(spell.verdict)},
                          {"since", spell.since.time_since_epoch().count()}});
    return {{"job", idle.job.value},
            {"started", idle.started.time_since_epoch().count()},
            {"spells", spells},
            {"before_gpu_seconds", idle.before.value},
            {"all_since", optional_time(idle.all_since)},
            {"notified", optional_time(idle.notified)},
            {"told", idle.told},
            {"told_at", optional_time(idle.told_at)}};
}

IdleJob idle_from_json(const json& object) {
    IdleJob idle;
    idle.job = JobId{object.at("job").get<std::uint32_t>()};
    idle.started = time_of(object.at("started"));
    for (const json& spell : object.at("spells")) {
        const int verdict = spell.at("verdict").get<int>();
        if (verdict < 0 || verdict > static_cast<int>(Verdict::kHung)) continue;
        idle.spells.push_back({spell.at("node"),
                               spell.at("index").get<int>(),
                               static_cast<Verdict>(verdict),
                               time_of(spell.at("since")),
                               {}});
    }
    idle.before = GpuSeconds{object.at("before_gpu_seconds").get<std::int64_t>()};
    idle.all_since = optional_time_of(object, "all_since");
    idle.notified = optional_time_of(object, "notified");
    idle.told = object.at("told");
    idle.told_at = optional_time_of(object, "told_at");
    return idle;
}

json service_to_json(const ServiceState& state) {
    json replicas = json::array();
    for (const KnownReplica& replica : state.replicas)
        replicas.push_back(
            {{"job", replica.job.value},
             {"number", replica.number},
             {"seen", replica.seen.time_since_epoch().count()},
             {"started", optional_time(replica.started)},
             {"ready", optional_time(replica.ready)},
             {"unready", optional_time(replica.unready)},
             {"drain", replica.drain ? json{{"since", replica.drain->since.time_since_epoch().count()},
                                            {"why", replica.drain->why},
                                            {"noticed", optional_time(replica.drain->noticed)}}
                                     : json(nullptr)}});
    json attempts = json::array();
    for (const Attempt& one : state.attempts)
        attempts.push_back({{"number", one.number}, {"at", one.at.time_since_epoch().count()}});
    return {{"service", state.service},
            {"wanted", state.wanted ? json(*state.wanted) : json(nullptr)},
            {"why", state.why},
            {"changed", state.changed.time_since_epoch().count()},
            {"pin", state.pin ? json{{"count", state.pin->count},
                                     {"until", optional_time(state.pin->until)},
                                     {"by", state.pin->by}}
                              : json(nullptr)},
            {"replicas", replicas},
            {"attempts", attempts},
            {"quiet", optional_time(state.quiet)},
            {"failures", state.failures},
            {"failed", optional_time(state.failed)},
            {"failure", state.failure}};
}

ServiceState service_from_json(const json& object) {
    ServiceState state;
    state.service = object.at("service");
    if (!object.at("wanted").is_null()) state.wanted = object["wanted"].get<int>();
    state.why = object.at("why");
    state.changed = time_of(object.at("changed"));
    if (const json& pin = object.at("pin"); !pin.is_null())
        state.pin = Pin{pin.at("count").get<int>(), optional_time_of(pin, "until"), pin.at("by")};
    for (const json& entry : object.at("replicas")) {
        KnownReplica replica;
        replica.job = JobId{entry.at("job").get<std::uint32_t>()};
        replica.number = entry.at("number").get<int>();
        replica.seen = time_of(entry.at("seen"));
        replica.started = optional_time_of(entry, "started");
        replica.ready = optional_time_of(entry, "ready");
        replica.unready = optional_time_of(entry, "unready");
        if (const json& drain = entry.at("drain"); !drain.is_null())
            replica.drain =
                Drain{time_of(drain.at("since")), drain.at("why"), optional_time_of(drain, "noticed")};
        state.replicas.push_back(std::move(replica));
    }
    for (const json& one : object.at("attempts"))
        state.attempts.push_back({one.at("number").get<int>(), time_of(one.at("at"))});
    state.quiet = optional_time_of(object, "quiet");
    state.failures = object.at("failures").get<int>();
    state.failed = optional_time_of(object, "failed");
    if (state.failures > 0 && !state.failed) state.failures = 0;
    state.failure = object.at("failure");
    std::ranges::sort(state.replicas, {}, &KnownReplica::job);
    std::ranges::sort(state.attempts, {}, &Attempt::number);
    return state;
}

}  // namespace

std::string to_json(const Ledger& ledger) {
    json loans = json::array();
    for (const Loan& loan : ledger.loans) loans.push_back(loan_to_json(loan));
    json rules = json::array();
    for (const RuleState& state : ledger.rules) rules.push_back(rule_to_json(state));
    json idle = json::array();
    for (const IdleJob& job : ledger.idle) idle.push_back(idle_to_json(job));
    json services = json::array();
    for (const ServiceState& state : ledger.services) services.push_back(service_to_json(state));
    return json{{"version", kVersion},
                {"loans", loans},
                {"rules", rules},
                {"idle", idle},
                {"services", services},
                {"consolidation", consolidation_to_json(ledger.consolidation)},
                {"overflow", overflow_to_json(ledger.overflow)},
                {"paused", ledger.paused},
                {"paused_by", ledger.paused_by}}
               .dump(1) +
           "\n";
}

Result<Ledger> ledger_from_json(const std::string& text) {
    try {
        const json object = json::parse(text);
        if (object.at("version").get<int>() > kVersion)
            return failure("written by a newer Weir (version " + object.at("version").dump() + ", known is " +
                           std::to_string(kVersion) + ")");
        Ledger ledger;
        for (const json& loan : object.at("loans")) ledger.loans.push_back(loan_from_json(loan));
        for (const json& rule : object.at("rules")) ledger.rules.push_back(rule_from_json(rule));
        if (object.contains("idle")) {  // not in those of before idle GPUs were watched
            for (const json& job : object["idle"]) ledger.idle.push_back(idle_from_json(job));
        }
        if (object.contains("services")) {  // nor are these in older ones
            for (const json& service : object["services"])
                ledger.services.push_back(service_from_json(service));
        }
        if (object.contains("consolidation"))
            ledger.consolidation = consolidation_from_json(object["consolidation"]);
        if (object.contains("overflow")) ledger.overflow = overflow_from_json(object["overflow"]);
        ledger.paused = object.at("paused");
        ledger.paused_by = object.at("paused_by");
        std::ranges::sort(ledger.loans, {}, [](const Loan& loan) { return std::tie(loan.rule, loan.node); });
        std::ranges::sort(ledger.rules, {}, &RuleState::rule);
        std::ranges::sort(ledger.idle, {}, &IdleJob::job);
        std::ranges::sort(ledger.services, {}, &ServiceState::service);
        return ledger;
    } catch (const json::exception& error) {
        return failure(error.what());
    }
}

Result<Ledger> load_ledger(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream) {
        if (errno == ENOENT) return Ledger{};
        return failure(system_error("reading", file));
    }
    std::ostringstream text;
    text << stream.rdbuf();
    auto ledger = ledger_from_json(text.str());
    if (!ledger) return in_context(file.string(), ledger.error());
    return ledger;
}

Result<void> save_ledger(const std::filesystem::path& file, const Ledger& ledger) {
    return actuate::replace_file(file, to_json(ledger), true);
}

}  // namespace weir::controller
