// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "plugin/controller/view_parts.h"
#include "policies/overflow/overflow.h"

namespace weir::controller {
namespace {

using json = nlohmann::ordered_json;

constexpr double kSecondsAnHour = 3600;

double amount(Money money) {
    return static_cast<double>(money.value) / static_cast<double>(kMicrosPerUnit);
}

json optional_amount(const std::optional<Money>& money) {
    return money ? json(amount(*money)) : json(nullptr);
}

double gpu_hours(GpuSeconds work) {
    return static_cast<double>(work.value) / kSecondsAnHour;
}

json place_to_json(const PlaceReport& place) {
    if (place.run == Duration{}) return {{"place", place.place}, {"excluded", place.excluded}};
    return {{"place", place.place},
            {"excluded", place.excluded},
            {"gpu_type", place.gpu_type},
            {"wait_seconds", place.wait.count()},
            {"wait_from", place.wait_from},
            {"stage_in_seconds", place.stage_in.count()},
            {"run_seconds", place.run.count()},
            {"stage_out_seconds", place.stage_out.count()},
            {"done_in_seconds", place.takes().count()},
            {"price", amount(place.price)},
            {"voucher_gpu_hours", gpu_hours(place.vouchers)},
            {"time", amount(place.time)},
            {"total", amount(place.total())},
            {"at_most", place.place == "home" ? json(nullptr) : json(amount(place.worst))}};
}

json comparison_to_json(const Comparison& one) {
    json places = json::array();
    for (const PlaceReport& place : one.places) places.push_back(place_to_json(place));
    return {
        {"job", one.label}, {"rule", one.rule}, {"chosen", one.chosen}, {"why", one.why}, {"places", places}};
}

json vouchers_to_json(const SiteReport& site) {
    json vouchers = json::array();
    for (const VoucherReport& one : site.vouchers)
        vouchers.push_back({{"name", one.name},
                            {"gpu_hours", gpu_hours(one.amount)},
                            {"used", gpu_hours(one.used)},
                            {"aside", gpu_hours(one.aside)},
                            {"left", gpu_hours(one.left())},
                            {"until", optional_seconds(one.until)}});
    return vouchers;
}

const char* state_of(const SiteReport& site) {
    return !site.problem.empty() ? "closed" : !site.throttle.empty() ? "throttled" : "open";
}

json site_to_json(const SiteReport& site) {
    json gpus = json::array();
    for (const GpusAtSite& one : site.gpus)
        gpus.push_back({{"type", one.type},
                        {"free", one.free},
                        {"hour", optional_amount(one.hour)},
                        {"power", amount(one.power)}});
    return {{"name", site.site},
            {"partition", site.partition},
            {"state", state_of(site)},
            {"problem", site.problem},
            {"throttle", site.throttle},
            {"api", site.api},
            {"answered", optional_seconds(site.at)},
            {"round_trip_seconds", static_cast<double>(site.round_trip.count()) / 1e6},
            {"gpus", gpus},
            {"next_tariff", optional_seconds(site.next_tariff)},
            {"vouchers", vouchers_to_json(site)},
            {"spent_today", amount(site.spent_today)},
            {"spent_this_month", amount(site.spent_this_month)},
            {"gpu_hours_this_month", gpu_hours(site.work_this_month)},
            {"failures", site.failures},
            {"typical_wait_seconds", site.typical_wait.count()},
            {"nominated", site.nominated},
            {"sent", site.sent},
            {"waiting", site.waiting},
            {"running", site.running},
            {"returning", site.returning}};
}

// Jobs that are at sites or may start there, as far as the reader may see them.
json jobs_to_json(const View& view, const Reader& reader, std::size_t& hidden) {
    json jobs = json::array();
    const auto add = [&](JobId id, json job) {
        if (may_see(view, reader, {id}))
            jobs.push_back(std::move(job));
        else
            ++hidden;
    };
    for (const SiteLook& look : view.snapshot.sites)
        for (const RemoteRun& run : look.runs)
            add(run.job, {{"job", run.label},
                          {"user", run.user},
                          {"site", look.site},
                          {"stage", to_text(run.stage)},
                          {"remote_id", run.remote_id},
                          {"remote_user", run.remote_user},
                          {"gpus", run.gpus},
                          {"asked", optional_seconds(run.asked)},
                          {"started", optional_seconds(run.started)},
                          {"said", run.said}});
    for (const Nomination& one : view.ledger.overflow.nominations) {
        if (one.started_with || one.back) continue;
        add(one.job, {{"job", one.label},
                      {"user", one.user},
                      {"site", one.site},
                      {"stage", "nominated"},
                      {"asked", seconds(one.since)},
                      {"at_most", amount(one.worst)},
                      {"why", one.why}});
    }
    return jobs;
}

}  // namespace

Plan as_told(Plan would_be, const Plan& carried_out) {
    would_be.overflow.sites = carried_out.overflow.sites;
    would_be.overflow.budgets = carried_out.overflow.budgets;
    return would_be;
}

json comparisons_to_json(const View& view, const Reader& reader) {
    json list = json::array();
    for (const Comparison& one : view.plan.overflow.comparisons)
        if (may_see(view, reader, {one.job})) list.push_back(comparison_to_json(one));
    return list;
}

json comparison_of(const View& view, const Job& job) {
    const auto found =
        policies::compared(view.snapshot, view.policy.overflow, view.policy.gpu_types, view.plan, job);
    return found ? comparison_to_json(*found) : json(nullptr);
}

json overflow_rules(const View& view) {
    json rules = json::array();
    for (const policies::OverflowRule& rule : view.policy.overflow.rules)
        rules.push_back({{"name", rule.name}, {"mode", view.policy.acts(rule) ? "act" : "advise"}});
    return rules;
}

json overflow_notes(const View& view) {
    if (view.policy.overflow.sites.empty()) return nullptr;
    json sites = json::array();
    for (const SiteReport& site : view.plan.overflow.sites)
        sites.push_back({{"name", site.site},
                         {"state", state_of(site)},
                         {"problem", site.problem},
                         {"nominated", site.nominated},
                         {"waiting", site.sent + site.waiting},
                         {"running", site.running}});
    return sites;
}

json sites_to_json(const View& view, const Reader& reader) {
    if (view.policy.overflow.sites.empty())
        return refusal("bad_request", "weir.yaml has no remote site (sites:)");
    json sites = json::array();
    for (const SiteReport& site : view.plan.overflow.sites) sites.push_back(site_to_json(site));
    json budgets = json::array();
    for (const BudgetReport& one : view.plan.overflow.budgets)
        budgets.push_back({{"rule", one.rule},
                           {"today", amount(one.today)},
                           {"this_month", amount(one.this_month)},
                           {"aside", amount(one.aside)},
                           {"per_day", optional_amount(one.per_day)},
                           {"per_month", optional_amount(one.per_month)}});
    std::size_t hidden = 0;
    json jobs = jobs_to_json(view, reader, hidden);
    return {{"at", seconds(view.snapshot.at)},
            {"currency", view.plan.overflow.currency},
            {"rules", overflow_rules(view)},
            {"sites", sites},
            {"budgets", budgets},
            {"jobs", jobs},
            {"hidden", hidden}};
}

}  // namespace weir::controller
