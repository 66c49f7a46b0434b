// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policies/model/hours.h"
#include "policies/model/mode.h"
#include "policies/model/money.h"
#include "policies/model/remote.h"
#include "policies/model/units.h"

namespace weir::policies {

// What a GPU costs an hour, by Slurm's type. `other` is for types that are not named; absent: these are not
// to be had at any price.
struct GpuPrices {
    std::map<std::string, Money> by_type;
    std::optional<Money> other;

    std::optional<Money> of(const std::string& type) const;
    bool operator==(const GpuPrices&) const = default;
};

struct TariffBand {
    std::optional<Hours> hours;  // absent: whenever no band before it says otherwise
    Money kwh;

    bool operator==(const TariffBand&) const = default;
};

// What power costs: watts of a GPU with its share of the machine, times PUE, by the hour.
struct PowerTerms {
    double pue = 1.0;
    std::map<std::string, int> watts;  // of a GPU at work, by type
    int other_watts = 700;
    std::vector<TariffBand> tariff;  // the first that applies; empty: nothing
    bool operator==(const PowerTerms&) const = default;
};

// Prepaid GPU-hours. Empty lists: for all.
struct Voucher {
    std::string name;
    GpuSeconds amount;
    std::vector<std::string> gpus;
    std::vector<std::string> accounts;
    std::optional<Time> until;  // no longer valid from then on

    bool operator==(const Voucher&) const = default;
};

// A place's terms: a site's, or home's.
struct Terms {
    GpuPrices gpu_hour;
    bool power_included = true;  // false: power is paid besides
    PowerTerms power;
    Money egress_gb;  // for each 10^9 bytes that come back

    bool operator==(const Terms&) const = default;
};

// One entry of `sites:` in weir.yaml, as far as deciding goes.
struct Site {
    std::string name;
    std::string partition;                     // of its gateway nodes, and of nothing else
    std::vector<std::string> nodes;            // sorted names
    std::map<std::string, std::string> users;  // local user → remote account
    std::vector<std::string> accounts;         // whose jobs may go there; empty: all
    std::vector<std::string> qos;              // whose jobs may go there; empty: all
    Terms terms;
    std::vector<Voucher> vouchers;
    std::chrono::milliseconds latency{};  // as promised; the measured one counts if it is larger
    Duration max_remote_wait = std::chrono::minutes(20);
    Duration overtime = std::chrono::minutes(1);  // by which jobs may outrun their time limits there
    int max_jobs = 1000;                          // sent at a time

    bool operator==(const Site&) const = default;
};

// One entry of `overflow:`.
struct OverflowRule {
    std::string name;                               // default: its partitions, joined by "+"
    std::optional<Mode> mode;                       // absent: as the file says
    std::vector<std::string> partitions;            // whose pending jobs may overflow
    OverflowWish otherwise = OverflowWish::kNever;  // for jobs whose users say nothing
    bool forbidden = false;                         // `default: forbidden`: not even those that ask
    Money value_of_time;                            // of an hour of one GPU's worth of waiting
    std::optional<Money> per_day;                   // budgets; absent: none
    std::optional<Money> per_month;
    double better = 0.20;                           // a site must be so much cheaper than home
    Duration stay = std::chrono::minutes(5);        // for so long
    Duration unknown_wait = std::chrono::hours(1);  // at home, at least, where Slurm has no forecast
    Bytes egress;                                   // that one job is reckoned to bring back
    std::vector<std::string> sites;                 // these alone; empty: all

    bool operator==(const OverflowRule&) const = default;
};

// Everything that deciding on overflow needs of weir.yaml.
struct OverflowPolicy {
    std::string currency;  // "USD"
    Terms home;
    std::vector<Site> sites;  // by name
    std::vector<OverflowRule> rules;

    bool operator==(const OverflowPolicy&) const = default;
};

}  // namespace weir::policies
