// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "policies/model/plan.h"
#include "policies/model/snapshot.h"
#include "policies/services/rule.h"
#include "policies/services/signals.h"

namespace weir::policies {

// "1 replica", "3 replicas".
std::string counted(int count);

// One service in one cycle: what is known of its replicas is brought up to date, the count is decided, and
// the next steps are added to the plan.
class Work {
  public:
    // `jobs` are those of its replicas, by id.
    Work(const Snapshot& snapshot, const ServiceRule& rule, std::vector<const Job*> jobs,
         const std::set<std::string>& gentle, Plan& plan);

    void run();

  private:
    // follow.cpp: what there is

    const Job* job_of(const KnownReplica& replica) const;
    bool runs(const KnownReplica& replica) const;
    bool lives(const KnownReplica& replica) const;
    // Lives and shall go on.
    bool counts(const KnownReplica& replica) const;
    int present() const;
    int ready() const;
    // The loan that a replica stands on; nullptr if its node is the borrower's own.
    const Loan* loan_of(const Job& job) const;
    // Its node goes home, and it is told to leave by lending.
    bool leaves(const Job& job) const;
    int gpus_of_replica() const;
    // Since when the number of ready replicas is what it is.
    Time settled() const;
    void fail(std::string how);
    // What is remembered of replicas is brought up to what Slurm and the probes say.
    void follow_jobs();
    // A job that began and ended between two looks.
    const EndedReplica* ended_since(const Attempt& attempt) const;
    void follow(const Job& job, KnownReplica& replica) const;
    void note_end(const KnownReplica& replica);
    void give_up_slow_ones();

    // count.cpp: how many there shall be

    void predict();
    void want(int count, std::string why);
    void decide(const Heard& heard);
    void rise(const Heard& heard);
    void fall(const Heard& heard, int floor);

    // move.cpp: the next steps

    // The smallest that is free, of twice as many as there may be replicas: some drain while others start.
    std::optional<int> free_number() const;
    // Keeps replicas that were about to go, and submits those that are missing.
    void fill();
    Duration retry_wait() const;
    // Those that wait go first, then those that start, then those on lent nodes, and the youngest of each.
    void thin();
    void drain();

    // report.cpp

    ReplicaReport report_of(const KnownReplica& replica, const Job& job) const;
    void tell();

    const Snapshot& snapshot_;
    const ServiceRule& rule_;
    const std::vector<const Job*> jobs_;
    const std::set<std::string>& gentle_;
    Plan& plan_;
    ServiceState& state_;
    std::vector<std::pair<NodeIndex, const Loan*>> loans_;  // by node
    const ServiceLook* look_ = nullptr;
    const Time at_;
    ServiceReport report_;
};

}  // namespace weir::policies
