// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/services/world.h"

#include <algorithm>
#include <stdexcept>

namespace weir::tests {

using namespace std::chrono_literals;

ServiceWorld::ServiceWorld() {
    snapshot.at = Time{1'800'000'000s};
    for (const char* name : {"i1", "i2", "t1", "t2", "t3", "t4"}) {
        Node node;
        node.name = name;
        node.gpus = {{"h100", 8, 0}};
        snapshot.nodes.push_back(std::move(node));
    }
    rule.name = "chat";
    rule.script = "/srv/chat.sbatch";
    rule.user = "serve";
    rule.min = 1;
    rule.max = 6;
    rule.gpus = 8;
    rule.ready_path = "/health";
    rule.signals = {{"waiting", "sum(waiting)", "", "", 4, 2}};
    snapshot.services.push_back({"chat", std::vector<SignalLook>(1), {}, {}, {}});
    say(0);
}

Job& ServiceWorld::job(int number) {
    for (Job& job : snapshot.jobs)
        if (job.replica->number == number) return job;
    throw std::logic_error("no job of replica " + std::to_string(number));
}

KnownReplica& ServiceWorld::known(int number) {
    const auto found = std::ranges::find(state().replicas, number, &KnownReplica::number);
    if (found == state().replicas.end()) throw std::logic_error("replica is not known");
    return *found;
}

void ServiceWorld::add(int number, std::optional<std::string> node) {
    static std::uint32_t next = 100;
    Job job;
    job.id = JobId{next++};
    job.label = std::to_string(job.id.value);
    job.user = "serve";
    job.replica = Replica{"chat", number, "", rule.drain.settle};
    job.submitted = snapshot.at;
    job.request.gpus_per_node = 8;
    snapshot.jobs.push_back(std::move(job));
    if (node) run(number, *node);
}

void ServiceWorld::run(int number, const std::string& node) {
    Job& started = job(number);
    started.state = JobState::kRunning;
    started.started = snapshot.at;
    started.nodes = {*snapshot.node(node)};
    started.gpus = Gpus{8};
    started.replica->host = node;
}

void ServiceWorld::set_ready(int number, bool ready) {
    const JobId id = job(number).id;
    auto& probes = look().probes;
    std::erase_if(probes, [&](const Probe& probe) { return probe.job == id; });
    probes.push_back({id, ready});
    std::ranges::sort(probes, {}, &Probe::job);
}

void ServiceWorld::remove(int number, const std::string& how) {
    const JobId id = job(number).id;
    if (!how.empty()) snapshot.ended.push_back({id, "chat", number, job(number).submitted, how});
    std::erase_if(look().probes, [&](const Probe& probe) { return probe.job == id; });
    std::erase_if(snapshot.jobs, [&](const Job& one) { return one.id == id; });
}

void ServiceWorld::lend(const std::string& node, bool goes_home) {
    Loan loan;
    loan.rule = "inference";
    loan.node = node;
    loan.from = "train";
    loan.confirmed = true;
    if (goes_home) loan.vacating = Vacating{snapshot.at, "job 7 has waited 5m", {}, true, {}};
    std::erase_if(snapshot.ledger.loans, [&](const Loan& one) { return one.node == node; });
    snapshot.ledger.loans.push_back(std::move(loan));
}

void ServiceWorld::say(double value, std::size_t signal) {
    look().signals[signal] = {Sample{snapshot.at, value}, Sample{snapshot.at - rule.period, value}, ""};
}

Plan ServiceWorld::cycle() {
    Plan plan;
    plan.ledger = snapshot.ledger;
    policies::services(snapshot, {rule}, gentle, plan);
    snapshot.ledger = plan.ledger;
    for (const Step& step : plan.steps) {
        record(snapshot.ledger, step, snapshot.at);
        if (const auto* submit = std::get_if<SubmitReplica>(&step.action)) add(submit->number);
        if (const auto* end = std::get_if<EndReplica>(&step.action))
            std::erase_if(snapshot.jobs, [&](const Job& job) { return job.id == end->job; });
    }
    snapshot.at += rule.period;
    return plan;
}

Plan ServiceWorld::pass(Duration time, double value) {
    Plan plan;
    for (const Time until = snapshot.at + time; snapshot.at < until;) {
        say(value);
        plan = cycle();
    }
    return plan;
}

int ServiceWorld::jobs_alive() const {
    return static_cast<int>(snapshot.jobs.size());
}

std::vector<std::string> texts(const Plan& plan) {
    std::vector<std::string> list;
    for (const Step& step : plan.steps) list.push_back(to_text(step.action));
    return list;
}

}  // namespace weir::tests
