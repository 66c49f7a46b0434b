// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "policies/lend/rule.h"
#include "policies/lend/shape.h"
#include "policies/model/snapshot.h"

namespace weir::policies {

// Which nodes a rule is about, as the partitions stand.
struct Territory {
    const LendRule* rule = nullptr;
    std::string problem;  // why the rule can do nothing; empty if it can
    PartitionIndex to = 0;
    std::vector<PartitionIndex> from;
    std::vector<NodeIndex> own;       // the borrower's alone, ascending
    std::vector<NodeIndex> lendable;  // shared with an owner, ascending
    NodeFlags is_own;
    NodeFlags is_lendable;
    NodeFlags is_owners;  // in a partition of `from`
};

// One for each rule, in the same order. Where two rules claim the same own node, both have a problem.
std::vector<Territory> survey(const Snapshot& snapshot, const std::vector<LendRule>& rules);

// The first partition of `from` that holds the node; empty if none does.
std::string owner_of(const Snapshot& snapshot, const Territory& land, NodeIndex node);

}  // namespace weir::policies
