// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "policies/model/snapshot.h"
#include "policies/overflow/rule.h"

namespace weir::policies {

// Days since 1970 by local time.
std::int64_t local_day(Time at, Duration utc_offset);

// Whether two local days are of one month.
bool same_month(std::int64_t a, std::int64_t b);

// What may still be spent: vouchers and budgets, less what is used and what is set aside. What is set aside
// twice counts twice; keeping that from happening is the caller's affair.
class Accounts {
  public:
    // Everything that `memory` has used and set aside, at that time.
    Accounts(const OverflowPolicy& policy, const Overflow& memory, Time at, Duration utc_offset);

    // The vouchers that cover so much of a job's work, those that run out soonest first. Only what is valid
    // until `until`, for that type and account.
    std::vector<VoucherShare> cover(const Site& site, const std::string& gpu_type, const std::string& account,
                                    GpuSeconds work, Time until) const;

    // Why a rule's budget does not allow for so much, as a clause; empty if it does.
    std::string lacks(const OverflowRule& rule, Money worst) const;

    void set_aside(const Nomination& nomination);
    void give_back(const Nomination& nomination);
    void use(const std::string& site, const std::string& voucher, GpuSeconds amount);

    struct Budget {
        Money today;
        Money this_month;
        Money aside;
    };
    Budget budget(const std::string& rule) const;

    struct VoucherBalance {
        GpuSeconds used;
        GpuSeconds aside;
    };
    VoucherBalance balance(const std::string& site, const std::string& voucher) const;

  private:
    void move_aside(const Nomination& nomination, int sign);

    std::string currency_;
    std::map<std::string, Budget> budgets_;
    std::map<std::pair<std::string, std::string>, VoucherBalance> vouchers_;  // by site and name
};

GpuSeconds sum(const std::vector<VoucherShare>& shares);

}  // namespace weir::policies
