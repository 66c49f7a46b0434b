// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/config/names.h"

using namespace weir;
using namespace weir::config;

namespace {

// t1 and t2 in train, w1 and w2 behind the gateway of west.
Snapshot cluster() {
    Snapshot snapshot;
    for (const char* name : {"t1", "t2", "w1", "w2"}) {
        Node node;
        node.name = name;
        snapshot.nodes.push_back(node);
    }
    for (const auto& [name, nodes] :
         std::vector<std::pair<std::string, std::vector<NodeIndex>>>{{"train", {0, 1}}, {"west", {2, 3}}}) {
        Partition partition;
        partition.name = name;
        partition.nodes = nodes;
        snapshot.partitions.push_back(partition);
    }
    return snapshot;
}

Policy west() {
    Policy policy;
    policies::Site site;
    site.name = "west";
    site.partition = "west";
    site.nodes = {"w1", "w2"};
    policy.overflow.sites = {site};
    policy.connections.resize(1);
    policies::OverflowRule rule;
    rule.name = "spill";
    rule.partitions = {"train"};
    policy.overflow.rules = {rule};
    return policy;
}

using Findings = std::vector<Finding>;

Finding of_west(const std::string& message) {
    return {Severity::kError, "", "sites.west.gateway: " + message};
}

}  // namespace

TEST_CASE("gateways that fit the cluster are found in order", "[config]") {
    CHECK(check_overflow_names(west(), cluster()).empty());
}

TEST_CASE("a gateway's nodes and partition must be there", "[config]") {
    Policy policy = west();
    policy.overflow.sites[0].partition = "gone";
    policy.overflow.sites[0].nodes = {"w1", "w9"};
    policy.overflow.rules[0].partitions = {"trane"};
    CHECK(check_overflow_names(policy, cluster()) ==
          Findings{of_west("there is no partition gone"),
                   of_west("Slurm knows no node w9"),
                   of_west("partition west reaches w1, where nothing of its jobs can run; take gateway nodes "
                           "out of it, in slurm.conf"),
                   {Severity::kError, "spill", "partitions: there is no partition trane"}});
}

TEST_CASE("a gateway's nodes are its partition's and nobody else's", "[config]") {
    Snapshot snapshot = cluster();
    snapshot.partitions[0].nodes = {0, 1, 2};
    snapshot.partitions[1].nodes = {1, 2};
    CHECK(
        check_overflow_names(west(), snapshot) ==
        Findings{of_west("w2 is not in partition west: add them there, in slurm.conf"),
                 of_west("partition train reaches w1, where nothing of its jobs can run; take gateway nodes "
                         "out of it, in slurm.conf"),
                 of_west("partition west holds t2 too, and a job that is nominated would run there; leave "
                         "gateway nodes alone in it")});
}

TEST_CASE("a local user that this machine does not have is a warning", "[config]") {
    Policy policy = west();
    policy.overflow.sites[0].users = {{"nobody", "w"}, {"no-such-user-here", "v"}};
    CHECK(
        check_sites_here(policy) ==
        Findings{{Severity::kWarning, "", "sites.west.users: this machine knows no user no-such-user-here"}});
}
