// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <map>

#include "plugin/config/policy.h"
#include "plugin/controller/journal.h"
#include "plugin/controller/metrics.h"
#include "plugin/controller/shared.h"
#include "plugin/controller/uids.h"
#include "plugin/observe/observe.h"
#include "plugin/observe/services/watch.h"
#include "plugin/observe/sites/watch.h"
#include "plugin/observe/telemetry/telemetry.h"
#include "plugin/slurm/session.h"

namespace weir::controller {

// The control loop: observe, decide, act, and again. It may be killed at any instant; the next one goes on
// from what Slurm holds and what the ledger says.
class Controller {
  public:
    struct Files {
        std::filesystem::path policy;  // weir.yaml
        std::filesystem::path state;   // <StateSaveLocation>/weir: ledger, journal, heartbeat, lock
    };

    Controller(Files files, config::Policy policy, const slurm::Session& session, Shared& shared,
               Metrics& metrics);

    // Until `shared` is stopped.
    void run();

  private:
    void cycle();
    void reload();
    void take_orders(Time now);
    std::string carry_out(Order& order, Time now);
    std::string carry_out_scale(Order& order, Time now);
    Result<void> observe(Snapshot& snapshot);
    void follow_policy();
    void name_installation();
    Plan decide(const Snapshot& snapshot, bool only_what_acts) const;
    void follow_replicas(const Plan& plan);
    void publish(const Plan& plan);
    void act(const Snapshot& snapshot, const Plan& plan);
    bool take_step(const Snapshot& snapshot, const Step& step);
    bool remember(const Ledger& ledger);
    void write_heartbeat(const Snapshot& snapshot, const Plan& plan);
    void fail(const std::string& problem);
    void note_failure(std::string what, std::vector<JobId> jobs, std::string error);

    Files files_;
    config::Policy policy_;
    const slurm::Session& session_;
    Shared& shared_;
    Metrics& metrics_;
    Journal journal_;
    slurm::Tables tables_;
    observe::Names names_;
    Uids uids_;
    observe::Telemetry telemetry_;
    observe::ServiceWatch watch_;
    observe::SiteWatch sites_;
    Ledger ledger_;
    std::map<JobId, Time> refused_until_;  // jobs that Slurm would not let name the reservation
    std::uint64_t cycles_ = 0;
    std::chrono::steady_clock::duration observe_time_{};  // the smaller of the last two
    std::chrono::steady_clock::duration last_observe_time_{};
    std::string problem_;
    Time problem_since_{};
    std::vector<Failure> failures_;       // of this cycle
    std::vector<Failure> last_failures_;  // of the cycle before
};

}  // namespace weir::controller
