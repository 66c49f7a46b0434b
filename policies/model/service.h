// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "policies/model/units.h"

namespace weir {

// Which replica of which service a job is. Slurm knows it by the job's name, SERVICE-NUMBER, and its user.
struct Replica {
    std::string service;
    int number = 0;     // from 1; a number is free again once its job has ended
    std::string host;   // of its first node, as others reach it; empty while it waits
    Duration settle{};  // a balancer needs so long to let go of it, once it has left the endpoints

    bool operator==(const Replica&) const = default;
};

// A replica's job that has ended, as long as Slurm remembers it.
struct EndedReplica {
    JobId job;
    std::string service;
    int number = 0;
    Time submitted{};
    std::string how;  // "FAILED, exit code 1"

    bool operator==(const EndedReplica&) const = default;
};

struct Sample {
    Time at{};
    double value = 0;

    bool operator==(const Sample&) const = default;
};

// What is known of a signal: its last two samples, and why the last attempt gave none; empty if it did.
struct SignalLook {
    std::optional<Sample> latest;
    std::optional<Sample> before;
    std::string problem;

    bool operator==(const SignalLook&) const = default;
};

// Whether a replica answers its readiness path.
struct Probe {
    JobId job;
    bool ready = false;

    bool operator==(const Probe&) const = default;
};

// What was seen of a service from outside Slurm.
struct ServiceLook {
    std::string service;
    std::vector<SignalLook> signals;  // in the order of the rule; empty: not asked yet
    std::vector<Probe> probes;        // by job; of a job that is not here nothing is known yet
    std::optional<double> predicted;  // load that is expected, the larger of a day and a week before
    std::string prediction_problem;   // why none is; empty if one is

    bool operator==(const ServiceLook&) const = default;
};

// A replica on its way out: off the endpoints first, then it gets notice, time, and is ended.
struct Drain {
    Time since{};
    std::string why;              // one sentence
    std::optional<Time> noticed;  // when it got notice

    bool operator==(const Drain&) const = default;
};

// A replica's job that is known.
struct KnownReplica {
    JobId job;
    int number = 0;
    Time seen{};                  // first
    std::optional<Time> started;  // runs since, in its present run
    std::optional<Time> ready;    // since
    std::optional<Time> unready;  // runs and is not ready since
    std::optional<Drain> drain;

    bool operator==(const KnownReplica&) const = default;
};

// A replica that was to be submitted. Kept until its job is seen, so that none is submitted twice.
struct Attempt {
    int number = 0;
    Time at{};

    bool operator==(const Attempt&) const = default;
};

// An administrator's word on how many replicas there shall be.
struct Pin {
    int count = 0;
    std::optional<Time> until;  // absent: until it is taken back
    std::string by;

    bool operator==(const Pin&) const = default;
};

// What is remembered of a service.
struct ServiceState {
    std::string service;
    std::optional<int> wanted;  // replicas; absent: not decided yet
    std::string why;            // they are so many, one sentence
    Time changed{};             // when it was last decided anew
    std::optional<Pin> pin;
    std::vector<KnownReplica> replicas;  // by job
    std::vector<Attempt> attempts;       // by number
    std::optional<Time> quiet;           // since when every signal is known and low
    int failures = 0;                    // replicas in a row that ended before they were ready
    std::optional<Time> failed;          // when the last one did
    std::string failure;                 // how

    bool operator==(const ServiceState&) const = default;
};

// What becomes of a signal, for people.
struct SignalReport {
    std::string name;
    double target = 0;
    std::optional<Sample> sample;
    std::string problem;  // why it is not heeded; empty if it is
    int asks = 0;         // replicas beyond those that are ready

    bool operator==(const SignalReport&) const = default;
};

enum class ReplicaStage {
    kWaiting,   // in Slurm's queue
    kStarting,  // runs, not ready
    kReady,
    kDraining,  // on its way out, or its node is
};

// "waiting", "starting" ...
const char* to_text(ReplicaStage stage);

struct ReplicaReport {
    JobId job;
    int number = 0;
    ReplicaStage stage = ReplicaStage::kWaiting;
    Time since{};
    std::string node;      // empty while it waits
    bool lent = false;     // it is
    std::string endpoint;  // "host:port"; empty while it waits
    std::string why;       // it drains; else empty

    bool operator==(const ReplicaReport&) const = default;
};

// How a service stands.
struct ServiceReport {
    std::string service;
    int wanted = 0;
    std::string why;
    std::string held;     // why that is not followed now, or not changed; empty if nothing is in the way
    std::string failure;  // of replicas that do not start; empty if they do
    std::optional<Pin> pin;
    std::optional<int> predicted;  // replicas
    std::string prediction_problem;
    std::vector<SignalReport> signals;    // in the order of the rule
    std::vector<ReplicaReport> replicas;  // by number
    std::vector<std::string> endpoints;   // "host:port" of those that take requests, by number

    int count(ReplicaStage stage) const;

    bool operator==(const ServiceReport&) const = default;
};

}  // namespace weir
