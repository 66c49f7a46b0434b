// SPDX-License-Identifier: GPL-2.0-or-later
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "plugin/config/names.h"
#include "plugin/config/secret.h"
#include "policies/lend/words.h"

namespace weir::config {
namespace {

using policies::listed;
using policies::OverflowRule;
using policies::Site;

class OverflowNames {
  public:
    OverflowNames(const Policy& policy, const Snapshot& snapshot, std::vector<Finding>& findings)
        : policy_(policy), snapshot_(snapshot), findings_(findings) {}

    void run() {
        for (const Site& site : policy_.overflow.sites) check_gateway(site);
        for (const OverflowRule& rule : policy_.overflow.rules) check_rule(rule);
    }

  private:
    void error(const std::string& rule, std::string message) {
        findings_.push_back({Severity::kError, rule, std::move(message)});
    }

    void check_gateway(const Site& site) {
        const std::string who = "sites." + site.name + ".gateway: ";
        const auto index = snapshot_.partition(site.partition);
        if (!index) error("", who + "there is no partition " + site.partition);
        std::vector<std::string> unknown, outside;
        std::set<NodeIndex> nodes;
        for (const std::string& name : site.nodes) {
            const auto node = snapshot_.node(name);
            if (!node) {
                unknown.push_back(name);
                continue;
            }
            nodes.insert(*node);
            if (index && !reaches(snapshot_.partitions[*index], *node)) outside.push_back(name);
        }
        if (!unknown.empty()) error("", who + "Slurm knows no node " + listed(unknown));
        if (!outside.empty())
            error("", who + listed(outside) + (outside.size() == 1 ? " is" : " are") + " not in partition " +
                          site.partition + ": add them there, in slurm.conf");
        for (const Partition& partition : snapshot_.partitions) check_partition(site, who, partition, nodes);
    }

    // Its own partition holds the gateway nodes and nothing else; no other holds one of them.
    void check_partition(const Site& site, const std::string& who, const Partition& partition,
                         const std::set<NodeIndex>& nodes) {
        const bool own = partition.name == site.partition;
        std::vector<std::string> wrong;
        for (const NodeIndex node : partition.nodes)
            if (nodes.contains(node) != own) wrong.push_back(snapshot_.nodes[node].name);
        if (wrong.empty()) return;
        if (own)
            error("",
                  who + "partition " + partition.name + " holds " + listed(wrong) +
                      " too, and a job that is nominated would run there; leave gateway nodes alone in it");
        else
            error("", who + "partition " + partition.name + " reaches " + listed(wrong) +
                          ", where nothing of its jobs can run; take gateway nodes out of it, in slurm.conf");
    }

    void check_rule(const OverflowRule& rule) {
        for (const std::string& name : rule.partitions)
            if (!snapshot_.partition(name)) error(rule.name, "partitions: there is no partition " + name);
    }

    static bool reaches(const Partition& partition, NodeIndex node) {
        return std::ranges::find(partition.nodes, node) != partition.nodes.end();
    }

    const Policy& policy_;
    const Snapshot& snapshot_;
    std::vector<Finding>& findings_;
};

// Files that can be looked at from here: a gateway on another machine has its own.
void check_secret_here(const std::string& where, const std::string& file, std::vector<Finding>& findings) {
    const std::filesystem::path path(file);
    std::error_code failed;
    if (file.empty() || access(path.parent_path().c_str(), R_OK | X_OK) != 0 ||
        !std::filesystem::exists(path, failed))
        return;
    if (const auto safe = check_secret_of_another(file); !safe)
        findings.push_back({Severity::kError, "", where + ": " + safe.error().message});
}

}  // namespace

std::vector<Finding> check_overflow_names(const Policy& policy, const Snapshot& snapshot) {
    std::vector<Finding> findings;
    OverflowNames(policy, snapshot, findings).run();
    return findings;
}

std::vector<Finding> check_sites_here(const Policy& policy) {
    std::vector<Finding> findings;
    for (std::size_t i = 0; i < policy.overflow.sites.size(); ++i) {
        const Site& site = policy.overflow.sites[i];
        const SiteConnection& connection = policy.connections[i];
        std::set<std::string> accounts;
        for (const auto& [user, account] : site.users) {
            accounts.insert(account);
            if (getpwnam(user.c_str()) == nullptr)
                findings.push_back({Severity::kWarning, "",
                                    "sites." + site.name + ".users: this machine knows no user " + user});
        }
        std::set<std::pair<std::string, std::string>> files;
        for (const std::string& account : accounts) {
            files.emplace(for_account(connection.token_file, account), "rest.token_file");
            files.emplace(for_account(connection.key_file, account), "files.key_file");
        }
        for (const auto& [file, key] : files)
            check_secret_here("sites." + site.name + "." + key, file, findings);
    }
    return findings;
}

}  // namespace weir::config
