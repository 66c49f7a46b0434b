// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/model/mode.h"
#include "policies/model/units.h"

namespace weir::policies {

// Something measured that tells how much a service is asked for: PromQL that gives one value, or a JSON
// document and the number in it. What exceeds `target` wants so many GPUs a unit.
struct Signal {
    std::string name;     // as people see it
    std::string query;    // PromQL; empty: url
    std::string url;      // of a JSON document
    std::string pointer;  // to the number in it (RFC 6901); empty: the document is the number
    double target = 0;
    double gpus_per_unit = 0;

    bool operator==(const Signal&) const = default;
};

// How a replica leaves. `settle` is what a balancer needs to let go of it once it is off the endpoints.
struct DrainTerms {
    Duration settle = std::chrono::seconds(5);
    Duration notice = std::chrono::minutes(2);

    bool operator==(const DrainTerms&) const = default;
};

// Before a replica is tried again that ended before it was ready: doubled each time.
struct Retry {
    Duration first = std::chrono::seconds(30);
    Duration max = std::chrono::minutes(30);

    bool operator==(const Retry&) const = default;
};

// A load that repeats by day and week. `query` is PromQL for the load in any unit, of which a replica takes
// `per_replica`; it is asked for the time a day and a week before now + `ahead`.
struct Prediction {
    std::string query;
    double per_replica = 0;
    Duration ahead = std::chrono::minutes(15);

    bool operator==(const Prediction&) const = default;
};

// A replica's number is at most so many times the replicas that there may be.
constexpr int kNumbers = 2;

// One entry of `services:` in weir.yaml.
struct ServiceRule {
    std::string name;
    std::string script;     // of sbatch
    std::string user;       // submits it
    std::string account;    // is charged; empty: the user's default
    std::string directory;  // where it runs; empty: the user's home
    std::optional<Mode> mode;
    int min = 0;  // replicas
    int max = 1;
    std::optional<int> gpus;  // of a replica; absent: as its jobs have
    std::vector<Signal> signals;
    std::string prometheus;                      // address for the queries; empty: that of telemetry
    Duration period = std::chrono::seconds(10);  // between two samples
    int most_up = 2;                             // replicas that one cycle may start
    int most_down = 1;                           // and drain
    Duration down_after = std::chrono::minutes(10);
    int port = 8000;         // replica N listens on port + N; N is at most kNumbers times max
    std::string ready_path;  // GET answers 200 once it takes requests; empty: as soon as it runs
    Duration ready_within = std::chrono::minutes(30);
    DrainTerms drain;
    Retry retry;
    std::optional<Prediction> predict;
    std::string file_sd;  // path of a file for Prometheus; empty: none
    std::string nginx;    // path of a snippet for an upstream block; empty: none
    // Nothing is done about it now, it only advises or Weir is paused: it is watched all the same.
    bool frozen = false;

    // The last one that a replica may listen on.
    int last_port() const { return port + kNumbers * max; }

    // A replica's name, and that of its job.
    std::string label(int number) const { return name + "-" + std::to_string(number); }

    bool operator==(const ServiceRule&) const = default;
};

}  // namespace weir::policies
