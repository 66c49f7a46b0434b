// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/services/work.h"

#include <algorithm>
#include <tuple>

#include "policies/services/services.h"

namespace weir::policies {

ReplicaReport Work::report_of(const KnownReplica& replica, const Job& job) const {
    ReplicaReport report;
    report.job = replica.job;
    report.number = replica.number;
    report.stage = replica.ready     ? ReplicaStage::kReady
                   : replica.started ? ReplicaStage::kStarting
                                     : ReplicaStage::kWaiting;
    report.since = replica.ready.value_or(replica.started.value_or(job.submitted));
    if (!job.nodes.empty()) {
        report.node = snapshot_.nodes[job.nodes.front()].name;
        const bool v6 = job.replica->host.find(':') != std::string::npos;
        report.endpoint = (v6 ? "[" + job.replica->host + "]" : job.replica->host) + ":" +
                          std::to_string(rule_.port + replica.number);
    }
    const Loan* loan = loan_of(job);
    report.lent = loan != nullptr;
    if (replica.drain) {
        report.stage = ReplicaStage::kDraining;
        report.since = replica.drain->since;
        report.why = replica.drain->why;
    } else if (leaves(job)) {
        report.stage = ReplicaStage::kDraining;
        report.since = loan->vacating->since;
        report.why = "its node goes home to " + loan->from;
    } else if (job.state == JobState::kCompleting) {
        report.stage = ReplicaStage::kDraining;
        report.why = "it ends";
    }
    return report;
}

void Work::tell() {
    report_.wanted = state_.wanted.value_or(present());
    report_.why = state_.why;
    report_.failure = state_.failure;
    report_.pin = state_.pin;
    for (const KnownReplica& replica : state_.replicas)
        report_.replicas.push_back(report_of(replica, *job_of(replica)));
    std::ranges::sort(report_.replicas, {},
                      [](const ReplicaReport& one) { return std::tie(one.number, one.job); });
    for (const ReplicaReport& replica : report_.replicas)
        if (replica.stage == ReplicaStage::kReady) report_.endpoints.push_back(replica.endpoint);
    plan_.services.push_back(std::move(report_));
}

std::vector<std::string> explain(const ServiceReport& report) {
    const int ready = report.count(ReplicaStage::kReady);
    std::vector<std::string> said;
    said.push_back(counted(report.wanted) + " wanted: " + report.why);
    said.push_back(std::to_string(ready) + " ready, " +
                   std::to_string(report.count(ReplicaStage::kStarting)) + " starting, " +
                   std::to_string(report.count(ReplicaStage::kWaiting)) + " waiting, " +
                   std::to_string(report.count(ReplicaStage::kDraining)) + " draining");
    for (const SignalReport& signal : report.signals) {
        std::string text = signal.name + " ";
        if (!signal.problem.empty())
            text += signal.problem + ", and is not heeded";
        else
            text += "is " + number_text(signal.sample->value) + ", target " + number_text(signal.target) +
                    (signal.asks > 0 ? ": asks for " + counted(signal.asks) + " beyond those that are ready"
                     : signal.sample->value < kLow * signal.target ? ": low"
                                                                   : ": asks for no more");
        said.push_back(std::move(text));
    }
    if (report.predicted) said.push_back("predicted: " + counted(*report.predicted));
    if (!report.prediction_problem.empty()) said.push_back("no prediction: " + report.prediction_problem);
    if (!report.held.empty()) said.push_back(report.held);
    return said;
}

}  // namespace weir::policies
