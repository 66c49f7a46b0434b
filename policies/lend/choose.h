// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "policies/lend/decision.h"

namespace weir::policies {

// The idle nodes that a rule may lend, handed out so that the owner's largest contiguous capacity stays
// whole: smallest first by (powered down, breaks a whole block, free owner nodes in its block, weight, name).
class Candidates {
  public:
    Candidates(const Decision& decision, const RuleWork& work);

    // Takes the next one that `suits`; absent if there is none.
    std::optional<NodeIndex> pick(const std::function<bool(NodeIndex)>& suits);
    void put_back(NodeIndex node);
    int left() const { return left_; }
    // Idle nodes left out only because a partition reaches them that is none of the rule's; and one such
    // partition.
    int kept_out() const { return kept_out_; }
    const std::string& kept_out_by() const { return kept_out_by_; }
    const std::vector<NodeIndex>& all() const { return all_; }

  private:
    struct Block {
        bool whole = true;  // every owner node of it was free to begin with
        int owner_nodes = 0;
        int free = 0;                  // owner nodes idle and not lent
        std::vector<NodeIndex> nodes;  // candidates: by (powered down, weight, name)
    };
    bool powered_down(NodeIndex node) const;

    const Snapshot& snapshot_;
    std::map<std::string, Block> blocks_;  // "" holds nodes of no known block
    std::vector<NodeIndex> all_;
    NodeFlags taken_;
    int left_ = 0;
    int kept_out_ = 0;
    std::string kept_out_by_;
};

}  // namespace weir::policies
