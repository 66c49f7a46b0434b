// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policies/model/ledger.h"
#include "policies/model/mode.h"
#include "policies/model/units.h"

namespace weir::policies {

// When the owner wants lent nodes back.
struct Reclaim {
    Duration after = std::chrono::minutes(5);   // an owner's job must have waited so long
    Duration notice = std::chrono::minutes(2);  // a borrower's job gets so long to leave
    Ending then = Ending::kRequeue;

    bool operator==(const Reclaim&) const = default;
};

struct Backoff {
    Duration first = std::chrono::minutes(5);
    Duration max = std::chrono::hours(1);

    bool operator==(const Backoff&) const = default;
};

// One entry of `lend:` in weir.yaml: idle nodes of `from` may serve `to` for a while.
// Lendable are the nodes that `to` shares with a partition of `from`; its own are the rest of `to`.
struct LendRule {
    std::string name;
    std::vector<std::string> from;
    std::string to;
    std::optional<Mode> mode;               // absent: as the file says
    int keep_idle = 0;                      // idle nodes left to the owner
    std::optional<int> max_lent;            // nodes; absent: no bound
    std::map<std::string, int> spare_gpus;  // by type: free GPUs that stand ready before anybody waits
    Duration min_loan = std::chrono::minutes(15);
    Duration idle_return = std::chrono::minutes(10);
    Reclaim reclaim;
    Backoff backoff;
    std::vector<std::string> also;  // further partitions that may reach the lendable nodes
    // Who may use what is lent; all empty: everybody. `users` and `groups` exclude each other (Slurm's rule).
    std::vector<std::string> users;
    std::vector<std::string> accounts;
    std::vector<std::string> groups;

    std::string reservation() const { return "weir_" + name; }

    bool operator==(const LendRule&) const = default;
};

}  // namespace weir::policies
