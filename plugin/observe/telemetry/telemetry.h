// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugin/observe/telemetry/history.h"
#include "plugin/result.h"

namespace weir::observe {

// Where samples of GPUs are asked for; see config::Telemetry, which this follows.
struct TelemetrySource {
    std::string prometheus;  // base address; empty: ask the agents
    std::string match;
    int agents = 0;  // port
    Duration period{};
    Duration longest{};  // window

    bool operator==(const TelemetrySource&) const = default;
};

// A node whose agent may be asked.
struct AgentHost {
    std::string node;
    std::string address;
};

// How the last round went.
struct TelemetryState {
    std::optional<Time> at;      // when it ended
    std::string problem;         // why it told nothing, or not of all; empty if it did
    std::size_t gpus = 0;        // heard of so far
    std::optional<Time> newest;  // sample
    double seconds = 0;          // that it took

    bool operator==(const TelemetryState&) const = default;
};

// Asks for samples of all GPUs, round after round, on a thread of its own: a slow answer holds up no cycle.
class Telemetry {
  public:
    Telemetry();
    ~Telemetry();
    Telemetry(const Telemetry&) = delete;
    Telemetry& operator=(const Telemetry&) = delete;

    // From the next round on. Another source begins anew; what was seen from the one before is forgotten.
    void use(const TelemetrySource& source);
    void use(std::vector<AgentHost> hosts);

    // Tells the snapshot what was seen of its GPUs; see GpuHistory::look.
    void look(Snapshot& snapshot);

    TelemetryState state() const;

  private:
    void run();
    void round(const TelemetrySource& source);
    Result<void> ask_prometheus(const TelemetrySource& source, Readings& into) const;
    Result<void> ask_agents(const TelemetrySource& source, Readings& into) const;
    bool stopped() const;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    bool stopped_ = false;
    bool fresh_ = false;  // source not asked yet
    TelemetrySource source_;
    std::vector<AgentHost> hosts_;
    GpuHistory history_;
    TelemetryState state_;
    std::thread thread_;  // last: it uses the rest
};

}  // namespace weir::observe
