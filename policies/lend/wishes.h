// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "policies/lend/choose.h"
#include "policies/lend/decision.h"

namespace weir::policies {

// A node that demand or spare asks for.
struct Wish {
    NodeIndex node = 0;
    std::string why;
    std::optional<JobId> for_job;
};

// What a borrower's waiting jobs and spare headroom lack on the nodes at hand, which are its own and those
// lent to it, and the idle nodes that would help. Each waiting job is placed in thought, on new nodes where
// need be.
class Wishes {
  public:
    Wishes(Decision& decision, RuleWork& work);

    // Fills the report's waiting_jobs, borrower_free_gpus and wanted.
    void gather();

    // Nodes that may be lent within keep_idle and max_lent.
    const std::vector<Wish>& granted() const { return granted_; }
    // Those, and further ones that only these two forbid.
    const std::vector<Wish>& all() const { return wishes_; }
    // Whether no idle node would help a waiting job.
    bool hopeless(const Job& job) const { return nowhere_.contains(d_.shapes.of(job)); }
    // Waiting jobs that no idle node within the bounds is left for, in the order in which they are served.
    const std::vector<JobId>& lacking() const { return lacking_; }
    // Why no more is granted.
    std::string why_bounded() const;
    // Whether a waiting job is to use a node.
    bool needs(NodeIndex node) const { return needed_[node] != 0; }
    // GPUs at hand that are free once the waiting jobs that fit have started, by type of spare_gpus.
    const std::map<std::string, int>& free_at_hand() const { return free_at_hand_; }

  private:
    void gather_at_hand();
    void join(NodeIndex node);
    void measure_bounds();
    int grantable() const { return std::min(spare_of_owner_, below_max_) - static_cast<int>(wishes_.size()); }
    std::vector<Waiting> waiting() const;
    int serve(const Waiting& entry);
    bool wish_for(const Job& job, ShapeId shape);
    std::optional<Placement> complete(ShapeId shape, std::vector<NodeIndex>& nodes,
                                      std::vector<NodeIndex>& picked);
    void need(const Placement& placement);
    void count_free_at_hand();
    void wish_for_spare();
    void imagine_without_bounds(const std::vector<Waiting>& unserved);
    void report_wanted();

    Decision& d_;
    RuleWork& work_;
    Capacity free_;
    Candidates candidates_;
    std::vector<NodeIndex> at_hand_;  // own and lent nodes that take jobs
    NodeFlags needed_;                // nodes that waiting jobs are to use
    int lent_ = 0;
    int spare_of_owner_ = 0;  // nodes that the owner can do without
    int below_max_ = 0;       // nodes that may be lent before max_lent is reached
    bool bounded_ = true;
    std::vector<Wish> wishes_;
    std::vector<Wish> granted_;
    std::vector<JobId> lacking_;
    std::set<ShapeId> nowhere_;                          // shapes that no candidate helps
    std::unordered_map<ShapeId, std::size_t> too_many_;  // wishes when the bounds last refused a shape
    std::map<std::string, int> free_at_hand_;
    std::map<std::string, std::int64_t> unmet_gpus_;  // by type
    std::int64_t unmet_nodes_ = 0;
};

// All GPUs of a type on a node; of any type if that is empty.
int gpus_on(const Node& node, const std::string& type);

}  // namespace weir::policies
