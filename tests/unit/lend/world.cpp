// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/lend/world.h"

#include <algorithm>
#include <stdexcept>

namespace weir::test {
namespace {

constexpr int kCpusAGpu = 8;

}  // namespace

void World::add_nodes(const std::string& prefix, int count, const std::vector<std::string>& in,
                      const std::string& gpu_type) {
    for (int i = 1; i <= count; ++i) {
        Node node;
        node.name = prefix + std::to_string(i);
        node.cpus = 64;
        node.memory = 512 * 1024;
        node.gpus = {{gpu_type, 8, 0}};
        for (const auto& partition : in) partitions[partition].push_back(node.name);
        nodes[node.name] = node;
    }
}

Job& World::pending(std::uint32_t id, const std::string& partition, int node_count, int gpus_per_node,
                    Duration waited) {
    WorldJob& entry = jobs[id];
    Job& job = entry.job;
    job.id = {id};
    job.label = std::to_string(id);
    job.user = "alice";
    job.account = "lab";
    job.state = JobState::kPending;
    job.waits_for = WaitsFor::kResources;
    job.reason = "Resources";
    job.requeueable = true;
    job.submitted = at - waited;
    job.eligible = at - waited;
    job.request.nodes_min = node_count;
    job.request.nodes_max = node_count;
    job.request.gpus_per_node = gpus_per_node;
    job.request.cpus_per_node = std::max(1, gpus_per_node * kCpusAGpu);
    if (partition == "inference") job.reservation = "weir_inference";
    entry.partitions = {partition};
    return job;
}

Job& World::running(std::uint32_t id, const std::string& partition, const std::vector<std::string>& on,
                    int gpus_per_node, Duration ran) {
    Job& job = pending(id, partition, static_cast<int>(on.size()), gpus_per_node, ran);
    job.state = JobState::kRunning;
    job.started = at - ran;
    job.gpus = {gpus_per_node * static_cast<int>(on.size())};
    job.gpu_type = nodes.at(on.front()).gpus.front().type;
    job.cpus = job.request.cpus_per_node * static_cast<int>(on.size());
    jobs[id].nodes = on;
    return job;
}

Job& World::movable(std::uint32_t id, const std::vector<std::string>& on, int gpus_per_node, Duration ran) {
    Job& job = running(id, "train", on, gpus_per_node, ran);
    job.checkpoint = Checkpoint{10, Duration(60), Duration(600), Duration(30)};
    return job;
}

void World::requeue(std::uint32_t id) {
    WorldJob& entry = jobs.at(id);
    entry.nodes.clear();
    entry.job.state = JobState::kPending;
    entry.job.waits_for = WaitsFor::kBeginTime;
    entry.job.begin = at + Duration(120);
    entry.job.eligible.reset();
    entry.job.started.reset();
    entry.job.gpus = {};
    ++entry.job.restarts;
}

void World::clear_begin(Job& job) const {
    job.begin.reset();
    job.waits_for = WaitsFor::kResources;
    job.eligible = at;
}

void World::reserve(const std::string& name, const std::vector<std::string>& on) {
    auto& reservation = reservations[name];
    reservation.name = name;
    reservation.nodes.insert(reservation.nodes.end(), on.begin(), on.end());
    std::ranges::sort(reservation.nodes);
}

Loan& World::lent(const std::string& node, Duration age) {
    Loan fresh;
    fresh.rule = "inference";
    fresh.node = node;
    fresh.from = "train";
    fresh.since = at - age;
    fresh.why = "a test says so";
    fresh.confirmed = true;
    auto place = std::ranges::lower_bound(ledger.loans, node, {}, &Loan::node);
    reserve("weir_inference", {node});
    return *ledger.loans.insert(place, fresh);
}

Loan& World::loan(const std::string& node) {
    auto found = std::ranges::find(ledger.loans, node, &Loan::node);
    if (found == ledger.loans.end()) throw std::logic_error("no loan of " + node);
    return *found;
}

RuleState& World::state(const std::string& rule) {
    auto found = std::ranges::find(ledger.rules, rule, &RuleState::rule);
    if (found != ledger.rules.end()) return *found;
    ledger.rules.emplace_back().rule = rule;
    return ledger.rules.back();
}

Snapshot World::snapshot() const {
    Snapshot snapshot;
    snapshot.at = at;
    snapshot.backfill_cycle = backfill_cycle;
    snapshot.ledger = ledger;
    for (const auto& [name, node] : nodes) snapshot.nodes.push_back(node);
    for (const auto& [name, members] : partitions) {
        Partition partition;
        partition.name = name;
        for (const auto& member : members) partition.nodes.push_back(snapshot.node(member).value());
        std::ranges::sort(partition.nodes);
        snapshot.partitions.push_back(partition);
    }
    for (const auto& [name, reservation] : reservations) snapshot.reservations.push_back(reservation);
    for (const auto& [id, entry] : jobs) {
        Job job = entry.job;
        for (const auto& name : entry.partitions) job.partitions.push_back(snapshot.partition(name).value());
        for (const auto& name : entry.nodes) job.nodes.push_back(snapshot.node(name).value());
        std::ranges::sort(job.nodes);
        for (NodeIndex index : job.nodes) {
            Node& node = snapshot.nodes[index];
            ++node.jobs;
            node.completing |= job.state == JobState::kCompleting;
            node.cpus_used += job.request.cpus_per_node;
            node.gpus.front().used += job.request.gpus_per_node;
        }
        snapshot.jobs.push_back(std::move(job));
    }
    return snapshot;
}

void World::apply(const Plan& plan) {
    ledger = plan.ledger;
    for (const Step& step : plan.steps) {
        take(step.action);
        record(ledger, step, at);
    }
}

void World::take(const Action& action) {
    if (const auto* set = std::get_if<SetReservation>(&action)) {
        if (set->create == reservations.contains(set->reservation))
            throw std::logic_error("create asked for wrongly: " + set->reservation);
        reservations[set->reservation] = {set->reservation, set->nodes, true};
    } else if (const auto* gone = std::get_if<DeleteReservation>(&action)) {
        reservations.erase(gone->reservation);
    } else if (const auto* name = std::get_if<NameReservation>(&action)) {
        Job& job = jobs.at(name->job.value).job;
        job.reservation = name->reservation;
        if (name->start_now) {
            job.begin.reset();
            job.begin_set_by_weir.reset();
            job.waits_for = WaitsFor::kResources;
            if (!job.eligible) job.eligible = at;
        }
    } else if (const auto* hold = std::get_if<HoldNodes>(&action)) {
        reservations[hold->reservation] = {hold->reservation, hold->nodes, true};
    } else if (const auto* release = std::get_if<ReleaseNodes>(&action)) {
        for (const auto& [id, entry] : jobs)
            if (entry.job.reservation == release->reservation)
                throw std::logic_error("job " + std::to_string(id) + " still names " + release->reservation);
        reservations.erase(release->reservation);
    } else if (const auto* pin = std::get_if<PinJob>(&action)) {
        Job& job = jobs.at(pin->job.value).job;
        job.reservation = pin->reservation;
        clear_begin(job);
    } else if (const auto* unpin = std::get_if<UnpinJob>(&action)) {
        Job& job = jobs.at(unpin->job.value).job;
        job.reservation.clear();
        if (job.state == JobState::kPending) clear_begin(job);
    } else if (const auto* end = std::get_if<EndJob>(&action)) {
        if (end->how == Ending::kCancel) {
            jobs.erase(end->job.value);
            return;
        }
        WorldJob& entry = jobs.at(end->job.value);
        entry.nodes.clear();
        entry.job.state = JobState::kPending;
        entry.job.started.reset();
        entry.job.eligible = at;
        entry.job.gpus = {};
    }
}

int World::free_gpus(const std::string& node) const {
    int free = nodes.at(node).gpus.front().total;
    for (const auto& [id, entry] : jobs)
        if (std::ranges::find(entry.nodes, node) != entry.nodes.end())
            free -= entry.job.request.gpus_per_node;
    return free;
}

bool World::open_to(const std::string& node, const Job& job) const {
    const Node& it = nodes.at(node);
    if (it.state == NodeState::kDown || it.state == NodeState::kDraining || !it.reservation.empty())
        return false;
    if (free_gpus(node) < std::max(1, job.request.gpus_per_node)) return false;
    for (const auto& [name, reservation] : reservations) {
        const bool in = std::ranges::find(reservation.nodes, node) != reservation.nodes.end();
        if (in != (name == job.reservation) && (in || !job.reservation.empty())) return false;
    }
    return true;
}

void World::schedule() {
    std::vector<WorldJob*> waiting;
    for (auto& [id, entry] : jobs)
        if (entry.job.state == JobState::kPending && entry.job.waits_for == WaitsFor::kResources &&
            entry.job.eligible)
            waiting.push_back(&entry);
    std::ranges::stable_sort(waiting, [](auto* a, auto* b) { return a->job.priority > b->job.priority; });
    for (WorldJob* entry : waiting) {
        std::vector<std::string> places;
        for (const auto& partition : entry->partitions)
            for (const auto& node : partitions.at(partition))
                if (static_cast<int>(places.size()) < entry->job.request.nodes_min &&
                    open_to(node, entry->job))
                    places.push_back(node);
        if (static_cast<int>(places.size()) < entry->job.request.nodes_min) continue;
        entry->nodes = places;
        entry->job.state = JobState::kRunning;
        entry->job.started = at;
        entry->job.gpus = {entry->job.request.gpus_per_node * entry->job.request.nodes_min};
    }
}

World small_world(int shared) {
    World world;
    world.add_nodes("i", 2, {"inference"});
    world.add_nodes("t", shared, {"train", "inference"});
    world.reserve("weir_inference", {"i1", "i2"});
    return world;
}

policies::LendRule small_rule() {
    policies::LendRule rule;
    rule.name = "inference";
    rule.from = {"train"};
    rule.to = "inference";
    return rule;
}

std::vector<std::string> texts(const Plan& plan) {
    std::vector<std::string> found;
    for (const Step& step : plan.steps) found.push_back(to_text(step.action));
    return found;
}

std::vector<std::string> lent_nodes(const Ledger& ledger) {
    std::vector<std::string> names;
    for (const Loan& loan : ledger.loans)
        if (!loan.vacating) names.push_back(loan.node);
    return names;
}

std::vector<std::string> vacating_nodes(const Ledger& ledger) {
    std::vector<std::string> names;
    for (const Loan& loan : ledger.loans)
        if (loan.vacating) names.push_back(loan.node);
    return names;
}

}  // namespace weir::test
