// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "policies/lend/decision.h"

namespace weir::policies {

// The idle nodes that a rule may lend, handed out so that the owner's largest contiguous capacity stays
// whole: smallest first by (powered down, breaks a whole NVLink domain, breaks a whole block, free owner
// nodes in its domain, and in its block, weight, name).
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
    // Owner nodes that belong together: a block's or leaf switch's, or an NVLink domain's.
    struct Unit {
        int owner_nodes = 0;
        int free = 0;  // idle and not lent

        bool whole() const { return free == owner_nodes; }
    };
    // Candidates that differ in nothing but themselves.
    struct Group {
        Unit* block = nullptr;         // nullptr: of none that is known
        Unit* domain = nullptr;        // as `block`
        std::vector<NodeIndex> nodes;  // by (powered down, weight, name)
    };
    Group& group_of(NodeIndex node);
    void mark(NodeIndex node, bool taken);
    bool powered_down(NodeIndex node) const;

    const Snapshot& snapshot_;
    std::map<std::string, Unit> blocks_;
    std::map<std::string, Unit> domains_;
    std::map<std::pair<std::string, std::string>, Group> groups_;  // by block and domain
    std::vector<NodeIndex> all_;
    NodeFlags taken_;
    int left_ = 0;
    int kept_out_ = 0;
    std::string kept_out_by_;
};

// Nodes that the rule could lend if only no job ran on them, ascending.
std::vector<NodeIndex> lendable_if_idle(const Decision& decision, const RuleWork& work);

}  // namespace weir::policies
