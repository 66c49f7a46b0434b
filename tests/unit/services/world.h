// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/services/services.h"

namespace weir::tests {

// A cluster of nodes i1, i2 (the borrower's own) and t1 to t4, and a service "chat" with one signal of target
// 4, a replica for every 4 beyond. What the policy decides is done at once: a replica that it submits has a
// job that waits.
struct ServiceWorld {
    Snapshot snapshot;
    policies::ServiceRule rule;
    std::set<std::string> gentle;

    ServiceWorld();

    ServiceLook& look() { return snapshot.services.front(); }
    Job& job(int number);
    KnownReplica& known(int number);
    ServiceState& state() { return service_state(snapshot.ledger, rule.name); }

    // Jobs of replicas as they would come to be.
    void add(int number, std::optional<std::string> node = std::nullopt);
    void run(int number, const std::string& node);
    void set_ready(int number, bool ready = true);
    void remove(int number, const std::string& how = "");
    void lend(const std::string& node, bool goes_home = false);

    // Two samples of the signal, the later one now.
    void say(double value, std::size_t signal = 0);

    // One cycle: decides, carries the ledger over, takes every step; time goes on by the period.
    Plan cycle();
    // As many cycles as fit, with the signal at that value.
    Plan pass(Duration time, double value);

    int jobs_alive() const;
};

// The steps as people read them.
std::vector<std::string> texts(const Plan& plan);

}  // namespace weir::tests
