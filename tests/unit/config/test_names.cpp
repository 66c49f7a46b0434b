// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/names.h"

#include <catch2/catch.hpp>

using namespace weir;
using namespace weir::config;

namespace {

// t1 to t4 with 8 h100 each in train, i1 with 8 a100; inference has i1 and t1 to t3.
Partition partition(const char* name, std::vector<NodeIndex> nodes) {
    Partition result;
    result.name = name;
    result.nodes = std::move(nodes);
    return result;
}

Snapshot cluster() {
    Snapshot snapshot;
    for (const char* name : {"i1", "t1", "t2", "t3", "t4"}) {
        Node node;
        node.name = name;
        node.gpus = {{name[0] == 'i' ? "a100" : "h100", 8, 0}};
        snapshot.nodes.push_back(node);
    }
    snapshot.partitions = {partition("inference", {0, 1, 2, 3}), partition("train", {1, 2, 3, 4})};
    return snapshot;
}

Policy policy() {
    Policy policy;
    policy.mode = policies::Mode::kAct;
    policies::LendRule rule;
    rule.name = "inference";
    rule.from = {"train"};
    rule.to = "inference";
    policy.lend.push_back(rule);
    return policy;
}

Finding error(std::string message, std::string rule = "inference") {
    return {Severity::kError, std::move(rule), std::move(message)};
}
Finding warning(std::string message, std::string rule = "inference") {
    return {Severity::kWarning, std::move(rule), std::move(message)};
}

using Findings = std::vector<Finding>;

}  // namespace

TEST_CASE("a policy that fits its cluster is found in order", "[config]") {
    Policy fits = policy();
    fits.lend[0].keep_idle = 2;
    fits.lend[0].max_lent = 3;
    fits.lend[0].spare_gpus = {{"h100", 8}};
    Snapshot snapshot = cluster();
    snapshot.reservations = {{"weir_inference", {"i1"}, true}};
    CHECK(check_names(fits, snapshot).empty());
    CHECK(check_names({}, cluster()).empty());
}

TEST_CASE("every partition that is missing is told", "[config]") {
    Policy wrong = policy();
    wrong.lend[0].from = {"trane", "train"};
    wrong.lend[0].to = "inferense";
    wrong.lend[0].also = {"batsch"};
    CHECK(check_names(wrong, cluster()) == Findings{error("there is no partition trane"),
                                                    error("there is no partition inferense"),
                                                    warning("also: there is no partition batsch")});
}

TEST_CASE("a borrower without a node of its own cannot borrow", "[config]") {
    Snapshot snapshot = cluster();
    snapshot.partitions[0].nodes = {1, 2};
    CHECK(check_names(policy(), snapshot) ==
          Findings{error("partition inference has no node of its own; Weir needs at least one, since a Slurm "
                         "reservation cannot be empty")});
}

TEST_CASE("partitions that share no node lend nothing", "[config]") {
    Snapshot snapshot = cluster();
    snapshot.partitions[0].nodes = {0};
    CHECK(check_names(policy(), snapshot) ==
          Findings{
              error("partition inference shares no node with train, so nothing can be lent; give inference "
                    "the nodes that may be, in slurm.conf")});
}

TEST_CASE("rules that claim one node clash, and both are told", "[config]") {
    Snapshot snapshot = cluster();
    snapshot.partitions.insert(snapshot.partitions.begin(), partition("batch", {0, 4}));
    Policy clashing = policy();
    policies::LendRule other = clashing.lend[0];
    other.name = other.to = "batch";
    other.also = {"inference"};
    clashing.lend[0].also = {"batch"};
    clashing.lend.push_back(other);
    CHECK(check_names(clashing, snapshot) == Findings{error("rule batch claims node i1 too"),
                                                      error("rule inference claims node i1 too", "batch")});
}

TEST_CASE("a partition that reaches the rule's nodes unnamed is a warning", "[config]") {
    Snapshot snapshot = cluster();
    snapshot.partitions.insert(snapshot.partitions.begin(), partition("debug", {0, 1, 2}));
    CHECK(
        check_names(policy(), snapshot) ==
        Findings{
            warning("partition debug reaches t1 and t2, which are therefore never lent; name it in also: if "
                    "its jobs may be kept off lent nodes"),
            warning("partition debug reaches i1, which weir_inference always holds: its jobs do not start "
                    "there")});
    Policy knowing = policy();
    knowing.lend[0].also = {"debug"};
    CHECK(check_names(knowing, snapshot).empty());
}

TEST_CASE("numbers that the nodes cannot meet are warnings", "[config]") {
    Policy large = policy();
    large.lend[0].max_lent = 4;
    large.lend[0].keep_idle = 3;
    CHECK(check_names(large, cluster()) ==
          Findings{warning("keep_idle is 3 and only 3 nodes may be lent: train must be idle beyond them"),
                   warning("max_lent is 4 and only 3 nodes may be lent: it bounds nothing")});
    large.lend[0].max_lent.reset();
    large.lend[0].keep_idle = 4;
    CHECK(check_names(large, cluster()) ==
          Findings{warning("keep_idle is 4 and train has 4 nodes: nothing is ever lent")});
}

TEST_CASE("GPUs that no node has cannot stand ready", "[config]") {
    Policy spare = policy();
    spare.lend[0].spare_gpus = {{"", 1}, {"a100", 8}, {"h200", 8}};
    CHECK(check_names(spare, cluster()) ==
          Findings{error("spare_gpus: no node of inference has GPUs without a type (there are: h100)"),
                   warning("spare_gpus: no lendable node has a100 GPUs, only inference's own nodes have"),
                   error("spare_gpus: no node of inference has h200 GPUs (there are: h100)")});
}

TEST_CASE("a reservation that no acting rule looks after is told", "[config]") {
    Snapshot snapshot = cluster();
    snapshot.reservations = {{"weir_inference", {"i1"}, true}, {"weir_old", {"t4"}, true}};
    Policy advising = policy();
    advising.mode = policies::Mode::kAdvise;
    CHECK(check_names(advising, snapshot) ==
          Findings{
              warning("reservation weir_inference stands though the rule only advises; if its nodes shall go "
                      "home: scontrol delete reservation=weir_inference"),
              warning("reservation weir_old stands and no rule is its own; if its nodes shall go home: "
                      "scontrol delete reservation=weir_old",
                      "")});
}

TEST_CASE("people that the machine does not know are told", "[config]") {
    Policy people = policy();
    people.lend[0].users = {"root", "-root", "-no-such-user"};
    policies::LendRule groups = policy().lend[0];
    groups.name = "groups";
    groups.groups = {"root", "no-such-group"};
    people.lend.push_back(groups);
    CHECK(check_people(people) ==
          Findings{error("users: this machine knows no user no-such-user"),
                   error("groups: this machine knows no group no-such-group", "groups")});
}

TEST_CASE("partitions that moves leave alone must be Slurm's, and moves must be for somebody", "[config]") {
    Policy moving;
    CHECK(check_consolidate_names(moving, cluster()).empty());
    moving.consolidate.emplace();
    CHECK(check_names(moving, cluster()).empty());  // for jobs that wait, without a lending rule too
    moving.consolidate->exempt_partitions = {"train", "trane", "debug"};
    moving.consolidate->for_fit = false;
    CHECK(check_names(moving, cluster()) ==
          Findings{warning("consolidate: exempt: there is no partition trane", ""),
                   warning("consolidate: exempt: there is no partition debug", ""),
                   warning("consolidate: for: [demand] does nothing without a lending rule (lend:)", "")});
    moving.lend = policy().lend;
    moving.consolidate->exempt_partitions.clear();
    CHECK(check_consolidate_names(moving, cluster()).empty());
}

TEST_CASE("partitions and GPU types that rules on idle GPUs name must be Slurm's", "[config]") {
    Policy wrong;
    wrong.telemetry.agents = 9810;
    policies::IdleRule rule;
    rule.name = "idle";
    rule.partitions = {"train", "trane"};
    rule.exempt.partitions = {"dev"};
    policies::IdleRule other;
    other.name = "other";
    other.partitions = {"train"};
    wrong.idle = {rule, other};
    wrong.gpu_types["h200"].idle_watts = Watts{75};
    CHECK(check_names(wrong, cluster()) ==
          Findings{error("partitions: there is no partition trane", "idle"),
                   warning("exempt: there is no partition dev", "idle"),
                   warning("partition train is watched by an earlier rule already", "other"),
                   warning("gpu_types: no node has h200 GPUs (there are: a100 and h100)", "")});
    Snapshot snapshot = cluster();
    for (Node& node : snapshot.nodes) node.gpus[0].type = "l40s";
    Policy unknown;
    unknown.telemetry.agents = 9810;
    unknown.idle = {{}};
    CHECK(check_names(unknown, snapshot) ==
          Findings{warning(
              "gpu_types: what a l40s GPU draws when idle is not known, so none is called idle or hung "
              "unless its model's name tells; give idle_watts, as `weir-agent --measure` prints it",
              "")});
}
