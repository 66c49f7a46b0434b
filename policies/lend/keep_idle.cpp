// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/lend/decision.h"
#include "policies/lend/words.h"

namespace weir::policies {

void restore_idle(Decision& decision, RuleWork& work) {
    const int wanted = work.rule().keep_idle;
    if (wanted <= 0 || work.state.held_home || !decision.may_write(work)) return;
    int idle = 0;
    for (NodeIndex node = 0; node < decision.snapshot.nodes.size(); ++node)
        if (work.land.is_owners[node] != 0 && decision.idle_at_home(node)) ++idle;
    std::vector<Standing*> unused;
    int coming = 0;
    for (RuleWork& other : decision.rules) {
        for (Standing& standing : other.loans) {
            if (standing.loan.vacating) {
                coming += work.land.is_owners[standing.node] != 0 && standing.held && standing.empty() &&
                          decision.claimed[standing.node] == 0 && decision.takes_jobs(standing.node);
            } else if (&other == &work && standing.loan.unused_since) {
                unused.push_back(&standing);
            }
        }
    }
    std::ranges::stable_sort(unused, {}, [](const Standing* s) { return *s->loan.unused_since; });
    const std::string why = work.rule().from.front() + " shall keep " + counted(wanted, "idle node") +
                            " and " + std::to_string(idle) + (idle == 1 ? " is" : " are") + " left";
    for (Standing* standing : unused) {
        if (idle + coming >= wanted) return;
        send_home(*standing, decision.snapshot.at, why, std::nullopt, true);
        ++coming;
    }
}

}  // namespace weir::policies
