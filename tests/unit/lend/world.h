// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "policies/lend/lend.h"
#include "policies/model/plan.h"
#include "policies/model/snapshot.h"

namespace weir::test {

// A small cluster that tests furnish by name; snapshot() turns it into the sorted and indexed value that
// lend() takes. Nodes have 64 CPUs, 512 GiB and 8 h100 GPUs unless a test says otherwise.
class World {
  public:
    // A job's place is given by names; usage of nodes follows from running and completing jobs.
    struct WorldJob {
        Job job;
        std::vector<std::string> partitions;
        std::vector<std::string> nodes;
    };

    Time at{std::chrono::hours(1000)};
    Duration backfill_cycle{0};
    std::map<std::string, Node> nodes;
    std::map<std::string, std::vector<std::string>> partitions;
    std::map<std::uint32_t, WorldJob> jobs;
    std::map<std::string, Reservation> reservations;
    Ledger ledger;

    // Nodes PREFIX1 ... PREFIXn (at most 9), as members of these partitions.
    void add_nodes(const std::string& prefix, int count, const std::vector<std::string>& in,
                   const std::string& gpu_type = "h100");
    // A pending job that waits for capacity, `waited` long already.
    Job& pending(std::uint32_t id, const std::string& partition, int node_count, int gpus_per_node,
                 Duration waited = Duration(60));
    // A running job, requeueable, for `ran` so far. A borrower's names the reservation itself.
    Job& running(std::uint32_t id, const std::string& partition, const std::vector<std::string>& on,
                 int gpus_per_node, Duration ran = Duration(600));
    // A running job of train whose user declared a checkpoint: USR1, within 1 min, every 10 min, reload 30 s.
    Job& movable(std::uint32_t id, const std::vector<std::string>& on, int gpus_per_node,
                 Duration ran = Duration(3600));
    // What a job does that was asked to save.
    void requeue(std::uint32_t id);
    void reserve(const std::string& name, const std::vector<std::string>& on);
    // A confirmed loan of rule inference, `age` old, with its node in the reservation.
    Loan& lent(const std::string& node, Duration age = std::chrono::hours(1));
    Loan& loan(const std::string& node);
    RuleState& state(const std::string& rule = "inference");

    Snapshot snapshot() const;

    // Does what the plan says, as Slurm would, and remembers what the controller would.
    void apply(const Plan& plan);
    void pass(Duration time) { at += time; }
    // Starts what can start: borrower's jobs in the reservation they name, others outside every reservation.
    void schedule();
    void end(std::uint32_t id) { jobs.erase(id); }

  private:
    void take(const Action& action);
    void clear_begin(Job& job) const;
    int free_gpus(const std::string& node) const;
    bool open_to(const std::string& node, const Job& job) const;
};

// t1-t4 of train, which inference shares, and i1, i2 of inference alone; the reservation stands with i1 and
// i2.
World small_world(int shared = 4);

// The rule of small_world, lending without delay or spacing.
policies::LendRule small_rule();

template <class T>
std::vector<T> steps_of(const Plan& plan) {
    std::vector<T> found;
    for (const Step& step : plan.steps)
        if (const auto* action = std::get_if<T>(&step.action)) found.push_back(*action);
    return found;
}

// The steps as people read them.
std::vector<std::string> texts(const Plan& plan);

// Nodes that are lent and not on their way home, by name.
std::vector<std::string> lent_nodes(const Ledger& ledger);
std::vector<std::string> vacating_nodes(const Ledger& ledger);

using Names = std::vector<std::string>;

}  // namespace weir::test
