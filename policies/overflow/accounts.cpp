// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/overflow/accounts.h"

#include <algorithm>

namespace weir::policies {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

bool named(const std::vector<std::string>& list, const std::string& name) {
    return list.empty() || std::ranges::find(list, name) != list.end();
}

}  // namespace

std::int64_t local_day(Time at, Duration utc_offset) {
    return std::chrono::floor<days>(at + utc_offset).time_since_epoch().count();
}

bool same_month(std::int64_t a, std::int64_t b) {
    const year_month_day one{sys_days(days(a))};
    const year_month_day other{sys_days(days(b))};
    return one.year() == other.year() && one.month() == other.month();
}

GpuSeconds sum(const std::vector<VoucherShare>& shares) {
    GpuSeconds all;
    for (const VoucherShare& share : shares) all += share.amount;
    return all;
}

Accounts::Accounts(const OverflowPolicy& policy, const Overflow& memory, Time at, Duration utc_offset)
    : currency_(policy.currency) {
    const std::int64_t today = local_day(at, utc_offset);
    for (const Spending& spending : memory.spendings) {
        Budget& budget = budgets_[spending.budget];
        if (spending.day == today) budget.today += spending.spent;
        if (same_month(spending.day, today)) budget.this_month += spending.spent;
    }
    for (const VoucherUse& use : memory.vouchers) vouchers_[{use.site, use.voucher}].used = use.used;
    for (const Nomination& nomination : memory.nominations) set_aside(nomination);
}

std::vector<VoucherShare> Accounts::cover(const Site& site, const std::string& gpu_type,
                                          const std::string& account, GpuSeconds work, Time until) const {
    std::vector<const Voucher*> valid;
    for (const Voucher& voucher : site.vouchers)
        if (named(voucher.gpus, gpu_type) && named(voucher.accounts, account) &&
            (!voucher.until || *voucher.until >= until))
            valid.push_back(&voucher);
    std::ranges::stable_sort(valid, {}, [](const Voucher* one) { return one->until.value_or(Time::max()); });
    std::vector<VoucherShare> shares;
    for (const Voucher* voucher : valid) {
        const VoucherBalance now = balance(site.name, voucher->name);
        const GpuSeconds share = std::min(work, voucher->amount - now.used - now.aside);
        if (share.value <= 0) continue;
        shares.push_back({voucher->name, share});
        work -= share;
    }
    return shares;
}

std::string Accounts::lacks(const OverflowRule& rule, Money worst) const {
    if (worst.value <= 0) return {};
    const Budget now = budget(rule.name);
    const auto of = [&](const std::optional<Money>& most, Money spent, const char* period) {
        if (!most || spent + now.aside + worst <= *most) return std::string();
        const Money left = std::max(Money{}, *most - spent - now.aside);
        return "rule " + rule.name + " may spend " + to_text(*most) + " " + currency_ + " a " + period +
               ", of which " + to_text(left) + " are left, and it could cost " + to_text(worst);
    };
    std::string day = of(rule.per_day, now.today, "day");
    return !day.empty() ? day : of(rule.per_month, now.this_month, "month");
}

void Accounts::set_aside(const Nomination& nomination) {
    move_aside(nomination, 1);
}

void Accounts::give_back(const Nomination& nomination) {
    move_aside(nomination, -1);
}

void Accounts::use(const std::string& site, const std::string& voucher, GpuSeconds amount) {
    vouchers_[{site, voucher}].used += amount;
}

void Accounts::move_aside(const Nomination& nomination, int sign) {
    budgets_[nomination.budget].aside += Money{sign * nomination.worst.value};
    for (const VoucherShare& share : nomination.vouchers)
        vouchers_[{nomination.site, share.voucher}].aside += GpuSeconds{sign * share.amount.value};
}

Accounts::Budget Accounts::budget(const std::string& rule) const {
    const auto found = budgets_.find(rule);
    return found != budgets_.end() ? found->second : Budget{};
}

Accounts::VoucherBalance Accounts::balance(const std::string& site, const std::string& voucher) const {
    const auto found = vouchers_.find({site, voucher});
    return found != vouchers_.end() ? found->second : VoucherBalance{};
}

}  // namespace weir::policies
