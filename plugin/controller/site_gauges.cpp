// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/site_gauges.h"

#include <cstdint>
#include <utility>

namespace weir::controller {
namespace {

double units(Money money) {
    return static_cast<double>(money.value) / static_cast<double>(kMicrosPerUnit);
}

double hours(GpuSeconds work) {
    return static_cast<double>(work.value) / 3600;
}

prometheus::Family<prometheus::Gauge>& family(prometheus::Registry& registry, const char* name,
                                              const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

SiteGauges::SiteGauges(prometheus::Registry& registry)
    : open_(family(registry, "weir_site_open", "1 while jobs can be sent to the site")),
      jobs_(family(registry, "weir_site_jobs", "Jobs of a site, by how far they are")),
      free_gpus_(family(registry, "weir_site_free_gpus", "GPUs free at a site, by type")),
      price_(family(registry, "weir_site_gpu_hour_price",
                    "What an hour of one GPU costs at a site now, power included")),
      spent_(family(registry, "weir_site_spent", "Money spent at a site today and this month")),
      vouchers_(family(registry, "weir_site_voucher_gpu_hours",
                       "GPU-hours of a voucher: used, set aside and left")),
      round_trip_(family(registry, "weir_site_round_trip_seconds", "How far away a site is")),
      wait_(family(registry, "weir_site_typical_wait_seconds",
                   "How long jobs that were sent lately have waited at a site")),
      budget_(family(registry, "weir_overflow_budget",
                     "Money of an overflow rule: spent today, this month, set aside, and its limits")) {}

void SiteGauges::set(Family& family, const prometheus::Labels& labels, double value) {
    prometheus::Gauge& gauge = family.Add(labels);
    gauge.Set(value);
    shown_[&gauge] = &family;
    fresh_.insert(&gauge);
}

void SiteGauges::set_site(const SiteReport& site) {
    const std::string& name = site.site;
    set(open_, {{"site", name}}, site.problem.empty() ? 1 : 0);
    for (const auto& [stage, count] : {std::pair("nominated", site.nominated),
                                       {"sent", site.sent},
                                       {"waiting", site.waiting},
                                       {"running", site.running},
                                       {"returning", site.returning}})
        set(jobs_, {{"site", name}, {"stage", stage}}, count);
    for (const GpusAtSite& gpus : site.gpus) {
        set(free_gpus_, {{"site", name}, {"type", gpus.type}}, gpus.free);
        if (gpus.hour) set(price_, {{"site", name}, {"type", gpus.type}}, units(*gpus.hour));
    }
    set(spent_, {{"site", name}, {"period", "day"}}, units(site.spent_today));
    set(spent_, {{"site", name}, {"period", "month"}}, units(site.spent_this_month));
    for (const VoucherReport& voucher : site.vouchers)
        for (const auto& [state, work] :
             {std::pair("used", voucher.used), {"aside", voucher.aside}, {"left", voucher.left()}})
            set(vouchers_, {{"site", name}, {"voucher", voucher.name}, {"state", state}}, hours(work));
    set(round_trip_, {{"site", name}}, static_cast<double>(site.round_trip.count()) / 1e6);
    set(wait_, {{"site", name}}, static_cast<double>(site.typical_wait.count()));
}

void SiteGauges::update(const OverflowReport& report) {
    fresh_.clear();
    for (const SiteReport& site : report.sites) set_site(site);
    for (const BudgetReport& budget : report.budgets) {
        set(budget_, {{"rule", budget.rule}, {"what", "today"}}, units(budget.today));
        set(budget_, {{"rule", budget.rule}, {"what", "this_month"}}, units(budget.this_month));
        set(budget_, {{"rule", budget.rule}, {"what", "aside"}}, units(budget.aside));
        if (budget.per_day)
            set(budget_, {{"rule", budget.rule}, {"what", "per_day"}}, units(*budget.per_day));
        if (budget.per_month)
            set(budget_, {{"rule", budget.rule}, {"what", "per_month"}}, units(*budget.per_month));
    }
    std::erase_if(shown_, [&](const auto& one) {
        if (fresh_.contains(one.first)) return false;
        one.second->Remove(one.first);
        return true;
    });
}

}  // namespace weir::controller
