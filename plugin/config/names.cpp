// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/names.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <string_view>

#include "policies/lend/territory.h"
#include "policies/lend/words.h"

namespace weir::config {
namespace {

using policies::counted;
using policies::LendRule;
using policies::listed;
using policies::Territory;

class RuleCheck {
  public:
    RuleCheck(const Snapshot& snapshot, const Territory& land, std::vector<Finding>& findings)
        : snapshot_(snapshot), land_(land), rule_(*land.rule), findings_(findings) {}

    void run() {
        const bool complete = check_partitions();
        check_also();
        if (!complete) return;
        if (!land_.problem.empty()) error(land_.problem);
        if (land_.lendable.empty()) {
            error("partition " + rule_.to + " shares no node with " + listed(rule_.from) +
                  ", so nothing can be lent; give " + rule_.to + " the nodes that may be, in slurm.conf");
            return;
        }
        check_others();
        check_numbers();
        check_gpu_types();
    }

  private:
    void error(std::string message) {
        findings_.push_back({Severity::kError, rule_.name, std::move(message)});
    }
    void warn(std::string message) {
        findings_.push_back({Severity::kWarning, rule_.name, std::move(message)});
    }

    bool check_partitions() {
        bool complete = true;
        std::vector<std::string> names = rule_.from;
        names.push_back(rule_.to);
        for (const std::string& name : names) {
            if (snapshot_.partition(name)) continue;
            error("there is no partition " + name);
            complete = false;
        }
        return complete;
    }

    void check_also() {
        for (const std::string& name : rule_.also) {
            if (!snapshot_.partition(name)) warn("also: there is no partition " + name);
        }
    }

    // Partitions that are none of the rule's and reach its nodes.
    void check_others() {
        for (PartitionIndex index = 0; index < snapshot_.partitions.size(); ++index) {
            const Partition& partition = snapshot_.partitions[index];
            const bool known = index == land_.to ||
                               std::ranges::find(land_.from, index) != land_.from.end() ||
                               std::ranges::find(rule_.also, partition.name) != rule_.also.end();
            if (known) continue;
            const auto lendable = shared(partition, land_.is_lendable);
            const auto own = shared(partition, land_.is_own);
            if (!lendable.empty())
                warn("partition " + partition.name + " reaches " + listed(lendable) +
                     (lendable.size() == 1 ? ", which is" : ", which are") +
                     " therefore never lent; name it in also: if its jobs may be kept off lent nodes");
            if (!own.empty())
                warn("partition " + partition.name + " reaches " + listed(own) + ", which " +
                     rule_.reservation() + " always holds: its jobs do not start there");
        }
    }

    std::vector<std::string> shared(const Partition& partition, const policies::NodeFlags& flags) const {
        std::vector<std::string> names;
        for (const NodeIndex node : partition.nodes) {
            if (flags[node] != 0) names.push_back(snapshot_.nodes[node].name);
        }
        return names;
    }

    void check_numbers() {
        const auto owners = static_cast<int>(std::ranges::count(land_.is_owners, 1));
        const auto lendable = static_cast<int>(land_.lendable.size());
        if (rule_.keep_idle >= owners)
            warn("keep_idle is " + std::to_string(rule_.keep_idle) + " and " + listed(rule_.from) + " has " +
                 counted(owners, "node") + ": nothing is ever lent");
        else if (rule_.keep_idle >= lendable)
            warn("keep_idle is " + std::to_string(rule_.keep_idle) + " and only " +
                 counted(lendable, "node") + " may be lent: " + listed(rule_.from) +
                 " must be idle beyond them");
        if (rule_.max_lent && *rule_.max_lent > lendable)
            warn("max_lent is " + std::to_string(*rule_.max_lent) + " and only " + counted(lendable, "node") +
                 " may be lent: it bounds nothing");
    }

    void check_gpu_types() {
        for (const auto& [type, count] : rule_.spare_gpus) {
            if (has_type(land_.lendable, type)) continue;
            const std::string gpus = type.empty() ? "GPUs without a type" : type + " GPUs";
            if (has_type(land_.own, type))
                warn("spare_gpus: no lendable node has " + gpus + ", only " + rule_.to + "'s own nodes have");
            else
                error("spare_gpus: no node of " + rule_.to + " has " + gpus + known_types());
        }
    }

    bool has_type(const std::vector<NodeIndex>& nodes, const std::string& type) const {
        return std::ranges::any_of(nodes, [&](NodeIndex node) {
            return std::ranges::any_of(snapshot_.nodes[node].gpus, [&](const GpuPool& pool) {
                return pool.type == type && pool.total > 0;
            });
        });
    }

    std::string known_types() const {
        std::vector<std::string> types;
        for (const NodeIndex node : land_.lendable) {
            for (const GpuPool& pool : snapshot_.nodes[node].gpus) {
                if (pool.total > 0) types.push_back(pool.type.empty() ? "gpu" : pool.type);
            }
        }
        std::ranges::sort(types);
        types.erase(std::unique(types.begin(), types.end()), types.end());
        return types.empty() ? "" : " (there are: " + listed(types) + ")";
    }

    const Snapshot& snapshot_;
    const Territory& land_;
    const LendRule& rule_;
    std::vector<Finding>& findings_;
};

// Nodes stay reserved for a borrower that no rule looks after any more.
void check_reservations(const Policy& policy, const Snapshot& snapshot, std::vector<Finding>& findings) {
    for (const Reservation& reservation : snapshot.reservations) {
        if (!reservation.name.starts_with("weir_") || is_of_consolidation(reservation.name)) continue;
        const auto rule = std::ranges::find(policy.lend, reservation.name, &LendRule::reservation);
        const std::string remedy =
            "; if its nodes shall go home: scontrol delete reservation=" + reservation.name;
        if (rule == policy.lend.end())
            findings.push_back(
                {Severity::kWarning, "",
                 "reservation " + reservation.name + " stands and no rule is its own" + remedy});
        else if (!policy.acts(*rule))
            findings.push_back(
                {Severity::kWarning, rule->name,
                 "reservation " + reservation.name + " stands though the rule only advises" + remedy});
    }
}

// Slurm takes "-name" for everybody but him.
std::string bare(const std::string& name) {
    return name.starts_with('-') ? name.substr(1) : name;
}

}  // namespace

std::vector<Finding> check_names(const Policy& policy, const Snapshot& snapshot) {
    std::vector<Finding> findings;
    for (const Territory& land : policies::survey(snapshot, policy.lend))
        RuleCheck(snapshot, land, findings).run();
    const auto of_idle = check_idle_names(policy, snapshot);
    findings.insert(findings.end(), of_idle.begin(), of_idle.end());
    const auto of_consolidation = check_consolidate_names(policy, snapshot);
    findings.insert(findings.end(), of_consolidation.begin(), of_consolidation.end());
    const auto of_overflow = check_overflow_names(policy, snapshot);
    findings.insert(findings.end(), of_overflow.begin(), of_overflow.end());
    check_reservations(policy, snapshot, findings);
    return findings;
}

std::vector<Finding> check_people(const Policy& policy) {
    std::vector<Finding> findings;
    for (const LendRule& rule : policy.lend) {
        for (const std::string& user : rule.users) {
            if (getpwnam(bare(user).c_str()) == nullptr)
                findings.push_back(
                    {Severity::kError, rule.name, "users: this machine knows no user " + bare(user)});
        }
        for (const std::string& group : rule.groups) {
            if (getgrnam(bare(group).c_str()) == nullptr)
                findings.push_back(
                    {Severity::kError, rule.name, "groups: this machine knows no group " + bare(group)});
        }
    }
    const auto of_services = check_services_here(policy);
    findings.insert(findings.end(), of_services.begin(), of_services.end());
    const auto of_sites = check_sites_here(policy);
    findings.insert(findings.end(), of_sites.begin(), of_sites.end());
    return findings;
}

}  // namespace weir::config
