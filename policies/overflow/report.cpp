// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <map>

#include "policies/overflow/tariff.h"
#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

std::vector<GpusAtSite> gpus_of(const Work& work, const SiteWork& there) {
    std::map<std::string, int> free;
    for (const std::string& type : there.gpu_types) free[type] = 0;
    if (there.look != nullptr)
        for (const SiteRoom& room : there.look->rooms)
            if (room.gpus > 0) free[room.gpu_type] += room.nodes * room.gpus;
    std::vector<GpusAtSite> gpus;
    gpus.reserve(free.size());
    const Terms& terms = there.site->terms;
    for (const auto& [type, count] : free) {
        GpusAtSite one{type, count, terms.gpu_hour.of(type), {}};
        if (!terms.power_included)
            one.power = power_cost(terms.power, type, Gpus{1}, work.snapshot.at, std::chrono::hours(1),
                                   work.snapshot.utc_offset);
        if (one.hour) one.hour = plus(*one.hour, one.power);
        gpus.push_back(std::move(one));
    }
    return gpus;
}

std::vector<VoucherReport> vouchers_of(const Accounts& accounts, const Site& site) {
    std::vector<VoucherReport> reports;
    reports.reserve(site.vouchers.size());
    for (const Voucher& voucher : site.vouchers) {
        const auto balance = accounts.balance(site.name, voucher.name);
        reports.push_back({voucher.name, voucher.amount, balance.used, balance.aside, voucher.until});
    }
    return reports;
}

void count_jobs(const Work& work, const SiteWork& there, SiteReport& report) {
    for (const Nomination& one : work.memory().nominations)
        if (one.site == there.site->name && !one.started_with && !one.back) ++report.nominated;
    if (there.look == nullptr) return;
    for (const RemoteRun& run : there.look->runs) {
        switch (run.stage) {
        case RunStage::kStaging:
        case RunStage::kSubmitting:
            ++report.sent;
            break;
        case RunStage::kWaiting:
            ++report.waiting;
            break;
        case RunStage::kRunning:
        case RunStage::kUnknown:
            ++report.running;
            break;
        case RunStage::kFetching:
        case RunStage::kWithdrawing:
        case RunStage::kFinished:
            ++report.returning;
            break;
        }
    }
}

SiteReport report_of(const Work& work, const Accounts& accounts, const SiteWork& there) {
    const Snapshot& snapshot = work.snapshot;
    SiteReport report;
    report.site = there.site->name;
    report.partition = there.site->partition;
    report.problem = there.problem;
    report.throttle = there.throttle;
    report.gpus = gpus_of(work, there);
    if (!there.site->terms.power_included)
        report.next_tariff = next_change(there.site->terms.power, snapshot.at, snapshot.utc_offset);
    report.vouchers = vouchers_of(accounts, *there.site);
    const std::int64_t today = local_day(snapshot.at, snapshot.utc_offset);
    for (const Spending& one : work.memory().spendings) {
        if (one.site != there.site->name || !same_month(one.day, today)) continue;
        report.spent_this_month = plus(report.spent_this_month, one.spent);
        report.work_this_month += one.work;
        if (one.day == today) report.spent_today = plus(report.spent_today, one.spent);
    }
    count_jobs(work, there, report);
    if (there.look == nullptr) return report;
    report.api = there.look->api;
    if (there.look->at > Time{}) report.at = there.look->at;
    report.round_trip = there.look->round_trip;
    report.failures = there.look->failures;
    report.typical_wait = there.look->typical_wait;
    return report;
}

}  // namespace

void write_report(Work& work) {
    OverflowReport& report = work.report();
    report.currency = work.policy.currency;
    const Accounts accounts(work.policy, work.memory(), work.snapshot.at, work.snapshot.utc_offset);
    report.sites.reserve(work.sites.size());
    for (const SiteWork& there : work.sites) report.sites.push_back(report_of(work, accounts, there));
    report.budgets.reserve(work.policy.rules.size());
    for (const OverflowRule& rule : work.policy.rules) {
        const Accounts::Budget now = accounts.budget(rule.name);
        report.budgets.push_back(
            {rule.name, now.today, now.this_month, now.aside, rule.per_day, rule.per_month});
    }
}

}  // namespace weir::policies::spill
