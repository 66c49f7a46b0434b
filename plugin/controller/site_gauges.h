// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <map>
#include <set>
#include <string>

#include "policies/model/overflow_report.h"

namespace weir::controller {

// What is measured of remote sites and of what is spent there; of those that weir.yaml has now.
class SiteGauges {
  public:
    explicit SiteGauges(prometheus::Registry& registry);
    void update(const OverflowReport& report);

  private:
    using Family = prometheus::Family<prometheus::Gauge>;

    void set(Family& family, const prometheus::Labels& labels, double value);
    void set_site(const SiteReport& site);

    Family& open_;
    Family& jobs_;
    Family& free_gpus_;
    Family& price_;
    Family& spent_;
    Family& vouchers_;
    Family& round_trip_;
    Family& wait_;
    Family& budget_;
    std::map<prometheus::Gauge*, Family*> shown_;
    std::set<prometheus::Gauge*> fresh_;  // of this update
};

}  // namespace weir::controller
