// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/overflow/scene.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace weir::test {
namespace {

// The world's nodes of a site's gateway.
bool of_gateway(const policies::OverflowPolicy& policy, const std::string& node) {
    return std::ranges::any_of(policy.sites, [&](const policies::Site& site) {
        return std::ranges::find(site.nodes, node) != site.nodes.end();
    });
}

// "17_[5-9]" without its first task.
std::string without_first(const std::string& label) {
    const auto open = label.find('[');
    const auto dash = label.find('-', open);
    const int first = std::stoi(label.substr(open + 1));
    const int last = std::stoi(label.substr(dash + 1));
    const std::string array = label.substr(0, open);
    if (first + 1 == last) return array + std::to_string(last);
    return array + "[" + std::to_string(first + 1) + "-" + std::to_string(last) + "]";
}

}  // namespace

Money usd(double amount) {
    return Money{std::llround(amount * kMicrosPerUnit)};
}

Scene::Scene() {
    world.add_nodes("t", 4, {"train"});
    for (std::uint32_t i = 1; i <= 4; ++i) world.running(9000 + i, "train", {"t" + std::to_string(i)}, 8);
    types["h100"].training = 1;
    types["a100"].training = 0.5;
    policy.currency = "USD";
    policy.home.gpu_hour.by_type["h100"] = usd(2);
    policies::OverflowRule spill;
    spill.name = "spill";
    spill.partitions = {"train"};
    spill.otherwise = OverflowWish::kAllow;
    spill.value_of_time = usd(0.20);
    policy.rules.push_back(spill);
    add_site("west", 2);
    memory().installation = "00000000deadbeef";
}

policies::Site& Scene::add_site(const std::string& name, int nodes) {
    const std::string prefix = name.substr(0, 1);
    world.add_nodes(prefix, nodes, {name}, "a100");
    policies::Site site;
    site.name = name;
    site.partition = name;
    for (int i = 1; i <= nodes; ++i) site.nodes.push_back(prefix + std::to_string(i));
    site.users = {{"alice", "w-alice"}};
    site.terms.gpu_hour.by_type["a100"] = usd(0.50);
    site.overtime = {};
    SiteLook fresh;
    fresh.site = name;
    fresh.gateway_answers = true;
    fresh.reachable = true;
    fresh.at = fresh.heard = world.at;
    fresh.ledger = "feed";
    fresh.round_trip = std::chrono::microseconds(1300);
    fresh.rooms = {{nodes, 64, 512 * 1024, "a100", 8}};
    const auto place = std::ranges::lower_bound(looks, name, {}, &SiteLook::site);
    looks.insert(place, fresh);
    const auto where = std::ranges::lower_bound(policy.sites, name, {}, &policies::Site::name);
    return *policy.sites.insert(where, site);
}

SiteLook& Scene::look(const std::string& site) {
    return *std::ranges::find(looks, site, &SiteLook::site);
}

Job& Scene::job(std::uint32_t id, int gpus, Duration waited) {
    Job& fresh = world.pending(id, "train", 1, gpus, waited);
    fresh.time_limit = std::chrono::hours(2);
    fresh.priority = 1000 - id;
    return fresh;
}

Snapshot Scene::snapshot() const {
    Snapshot now = world.snapshot();
    for (Partition& partition : now.partitions)
        for (const policies::Site& site : policy.sites)
            if (site.partition == partition.name) partition.site = site.name;
    for (Node& node : now.nodes) node.gateway = of_gateway(policy, node.name);
    now.sites = looks;
    for (SiteLook& there : now.sites) std::ranges::sort(there.runs, {}, &RemoteRun::job);
    return now;
}

Plan Scene::decide(bool frozen) const {
    const Snapshot now = snapshot();
    Plan plan;
    plan.ledger = now.ledger;
    policies::overflow(now, policy, types, frozen, plan);
    return plan;
}

Plan Scene::cycle() {
    Plan plan = decide();
    apply(plan);
    return plan;
}

Plan Scene::cycle_twice() {
    cycle();
    pass(rule().stay);
    return cycle();
}

void Scene::apply(const Plan& plan) {
    world.ledger = plan.ledger;
    for (const Step& step : plan.steps) {
        take(step.action);
        record(world.ledger, step, world.at);
    }
}

void Scene::take(const Action& action) {
    const auto by_label = [&](JobId id, const std::string& label) -> World::WorldJob& {
        World::WorldJob& entry = world.jobs.at(id.value);
        if (entry.job.label == label) return entry;
        // A task is split off its array.
        World::WorldJob task = entry;
        task.job.label = label;
        task.job.id = {next_task_++};
        task.job.count = 1;
        entry.job.label = without_first(entry.job.label);
        --entry.job.count;
        return world.jobs[task.job.id.value] = task;
    };
    if (const auto* nominate = std::get_if<Nominate>(&action)) {
        World::WorldJob& entry = by_label(nominate->job, nominate->label);
        if (entry.job.state != JobState::kPending) return;
        entry.partitions = nominate->partitions;
        entry.job.nominated = nominate->site;
    } else if (const auto* back = std::get_if<TakeBack>(&action)) {
        World::WorldJob& entry = by_label(back->job, back->label);
        entry.job.nominated.clear();
        if (entry.job.state == JobState::kPending) entry.partitions = back->partitions;
        if (back->limit) entry.job.time_limit = *back->limit;
    } else if (const auto* extend = std::get_if<ExtendLimit>(&action)) {
        by_label(extend->job, extend->label).job.time_limit = extend->limit;
    } else {
        throw std::logic_error("overflow takes no such step: " + to_text(action));
    }
}

void Scene::start(std::uint32_t id, const std::string& node) {
    World::WorldJob& entry = world.jobs.at(id);
    entry.nodes = {node};
    for (const auto& [name, members] : world.partitions)
        if (std::ranges::find(members, node) != members.end()) entry.partitions = {name};
    entry.job.state = JobState::kRunning;
    entry.job.started = world.at;
    entry.job.eligible.reset();
    entry.job.gpus = {entry.job.request.gpus_per_node};
    entry.job.gpu_type = world.nodes.at(node).gpus.front().type;
    entry.job.cpus = entry.job.request.cpus_per_node;
}

RemoteRun& Scene::start_at(std::uint32_t id, const std::string& node, RunStage stage) {
    start(id, node);
    const Job& job = world.jobs.at(id).job;
    RemoteRun run;
    run.job = {id};
    run.submitted = job.submitted;
    run.label = job.label;
    run.user = job.user;
    run.restarts = job.restarts;
    run.stage = stage;
    run.remote_id = 345;
    run.remote_user = "w-alice";
    run.asked = world.at;
    if (stage == RunStage::kRunning) run.started = world.at;
    run.gpus = job.request.gpus_per_node;
    run.gpu_type = "a100";
    SiteLook& there = look(world.jobs.at(id).partitions.front());
    there.runs.push_back(run);
    return there.runs.back();
}

void Scene::requeue(std::uint32_t id) {
    World::WorldJob& entry = world.jobs.at(id);
    const std::string ran_in = entry.partitions.front();
    world.requeue(id);
    // Slurm keeps the list, with the partition in which it ran first, and counts its submission anew.
    entry.partitions = ran_in == "train" ? Names{"train"} : Names{ran_in, "train"};
    entry.job.submitted = world.at;
}

void Scene::finish(std::uint32_t id, Duration ran) {
    for (SiteLook& there : looks) {
        const auto run = std::ranges::find(there.runs, JobId{id}, &RemoteRun::job);
        if (run == there.runs.end()) continue;
        RemoteRun ended = *run;
        there.runs.erase(run);
        ended.stage = RunStage::kFinished;
        ended.sequence = ++sequence_;
        if (!ended.started) ended.started = world.at - ran;
        ended.ended = *ended.started + ran;
        there.finished.push_back(ended);
    }
}

void Scene::pass(Duration time) {
    world.pass(time);
    for (SiteLook& there : looks)
        if (there.gateway_answers) {
            there.heard = world.at;
            if (there.reachable) there.at = world.at;
        }
}

std::vector<std::string> nominated(const Overflow& overflow) {
    std::vector<std::string> found;
    for (const Nomination& one : overflow.nominations) found.push_back(one.label + ": " + one.site);
    return found;
}

const Comparison& comparison_of(const Plan& plan, std::uint32_t job) {
    for (const Comparison& one : plan.overflow.comparisons)
        if (one.job.value == job) return one;
    throw std::logic_error("job " + std::to_string(job) + " was not compared");
}

const PlaceReport& place_of(const Plan& plan, std::uint32_t job, const std::string& place) {
    for (const PlaceReport& one : comparison_of(plan, job).places)
        if (one.place == place) return one;
    throw std::logic_error("no place " + place);
}

}  // namespace weir::test
