// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "policies/model/money.h"
#include "policies/model/units.h"

namespace weir {

// What running a job at one place would take, as far as it was reckoned.
struct PlaceReport {
    std::string place;  // a site's name; "home"
    std::string gpu_type;
    Duration wait{};
    std::string wait_from;  // what the wait rests on, in one clause
    Duration stage_in{};
    Duration run{};
    Duration stage_out{};
    Money price;           // of GPUs, power and egress, less what vouchers cover
    GpuSeconds vouchers;   // that cover the rest
    Money time;            // what the time until it is done is worth to its user
    Money worst;           // of price, were it to use all of its time limit
    std::string excluded;  // why it is out of the question, in one clause on "it"; then the rest may be blank

    Duration takes() const { return wait + stage_in + run + stage_out; }
    Money total() const { return plus(price, time); }
    bool operator==(const PlaceReport&) const = default;
};

// A job that was looked at, and what becomes of it.
struct Comparison {
    JobId job;
    std::string label;
    std::string rule;
    std::vector<PlaceReport> places;  // home first, then sites by name
    std::string chosen;               // the site that it is nominated to now; empty: none
    std::string why;                  // one sentence on it

    bool operator==(const Comparison&) const = default;
};

struct GpusAtSite {
    std::string type;
    int free = 0;
    std::optional<Money> hour;  // of one of them now, power included; absent: not for sale
    Money power;                // of that

    bool operator==(const GpusAtSite&) const = default;
};

struct VoucherReport {
    std::string name;
    GpuSeconds amount;
    GpuSeconds used;
    GpuSeconds aside;
    std::optional<Time> until;

    GpuSeconds left() const { return amount - used - aside; }
    bool operator==(const VoucherReport&) const = default;
};

struct SiteReport {
    std::string site;
    std::string partition;
    std::string problem;   // why nothing can be sent there now; empty: nothing is in the way
    std::string throttle;  // why less than fits is sent there now; empty: nothing is held back
    std::string api;
    std::optional<Time> at;  // when it last answered
    std::chrono::microseconds round_trip{};
    std::vector<GpusAtSite> gpus;     // by type
    std::optional<Time> next_tariff;  // when the price of power changes next
    std::vector<VoucherReport> vouchers;
    Money spent_today;
    Money spent_this_month;
    GpuSeconds work_this_month;
    int failures = 0;
    Duration typical_wait{};
    int nominated = 0;  // pending here, and may start there
    int sent = 0;       // being brought there
    int waiting = 0;    // there
    int running = 0;
    int returning = 0;  // their output and files are on the way back, or they are being withdrawn

    bool operator==(const SiteReport&) const = default;
};

struct BudgetReport {
    std::string rule;
    Money today;
    Money this_month;
    Money aside;  // for jobs that are nominated or sent
    std::optional<Money> per_day;
    std::optional<Money> per_month;

    bool operator==(const BudgetReport&) const = default;
};

// How overflow stands.
struct OverflowReport {
    std::string currency;
    std::vector<SiteReport> sites;        // by name
    std::vector<BudgetReport> budgets;    // in the order of the rules
    std::vector<Comparison> comparisons;  // of jobs that may overflow, by turn: whom no site takes last
    int not_looked_at = 0;                // further jobs that a site takes

    bool operator==(const OverflowReport&) const = default;
};

}  // namespace weir
