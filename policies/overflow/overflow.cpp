// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/overflow/overflow.h"

#include "policies/overflow/work.h"

namespace weir::policies {

void overflow(const Snapshot& snapshot, const OverflowPolicy& policy, const GpuTypeTable& types, bool frozen,
              Plan& plan) {
    if (policy.sites.empty() && plan.ledger.overflow.nominations.empty()) return;
    spill::Work work(snapshot, policy, types, frozen, plan);
    spill::settle(work);
    spill::make_up(work);
    spill::take_up(work);
    spill::open_sites(work);
    spill::review(work);
    spill::nominate(work);
    spill::extend(work);
    spill::tidy(work);
    spill::write_report(work);
}

}  // namespace weir::policies
