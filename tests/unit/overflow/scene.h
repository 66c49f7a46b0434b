// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <vector>

#include "policies/overflow/overflow.h"
#include "tests/unit/lend/world.h"

namespace weir::test {

// A full home cluster (t1-t4 of train, 8 h100 each at 2.00 an hour) and site west, twice as slow, with two
// gateway nodes w1 and w2 of 8 a100 each at 0.50 an hour, and punctual; both sites of the comparison are
// easily reckoned by hand. Alice may go there. Nothing waits unless a test says so.
struct Scene {
    World world;
    policies::OverflowPolicy policy;
    policies::GpuTypeTable types;
    std::vector<SiteLook> looks;

    Scene();

    policies::Site& west() { return policy.sites.front(); }
    policies::OverflowRule& rule() { return policy.rules.front(); }
    SiteLook& look(const std::string& site = "west");
    Overflow& memory() { return world.ledger.overflow; }
    // A pending job of alice's in train that may overflow: 2 h at most.
    Job& job(std::uint32_t id, int gpus = 4, Duration waited = Duration(60));
    // Another site by that name, of the same make as west, with so many gateway nodes.
    policies::Site& add_site(const std::string& name, int nodes);

    Snapshot snapshot() const;
    Plan decide(bool frozen = false) const;
    // Decides and does it, as Slurm and the controller would.
    Plan cycle();
    void apply(const Plan& plan);
    // As `cycle`, again after the time that a site has to be better for.
    Plan cycle_twice();

    // The job starts on a gateway node, and the gateway tells of its copy.
    RemoteRun& start_at(std::uint32_t id, const std::string& node, RunStage stage = RunStage::kWaiting);
    // It starts at home, or on some node.
    void start(std::uint32_t id, const std::string& node);
    // Slurm requeues it.
    void requeue(std::uint32_t id);
    // The copy ends after so long at the site; the gateway numbers it.
    void finish(std::uint32_t id, Duration ran);
    void pass(Duration time);

  private:
    void take(const Action& action);
    std::uint64_t sequence_ = 0;
    std::uint32_t next_task_ = 100'000;
};

Money usd(double amount);

// "1: west", one for each job that may start at a site by what is remembered.
std::vector<std::string> nominated(const Overflow& overflow);

const PlaceReport& place_of(const Plan& plan, std::uint32_t job, const std::string& place);
const Comparison& comparison_of(const Plan& plan, std::uint32_t job);

}  // namespace weir::test
