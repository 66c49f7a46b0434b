// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/heartbeat.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "plugin/job_submit/heartbeat.h"

namespace weir::controller {
namespace {

// Nodes of equal make, counted.
std::vector<job_submit::Shape> shapes(const Snapshot& snapshot, const Reservation& reservation) {
    using Make = std::tuple<int, std::int64_t, std::vector<std::pair<std::string, int>>>;
    std::map<Make, int> counts;
    for (const std::string& name : reservation.nodes) {
        const auto index = snapshot.node(name);
        if (!index) continue;
        const Node& node = snapshot.nodes[*index];
        std::vector<std::pair<std::string, int>> gpus;
        for (const GpuPool& pool : node.gpus) gpus.emplace_back(pool.type, pool.total);
        ++counts[{node.cpus, node.memory, std::move(gpus)}];
    }
    std::vector<job_submit::Shape> list;
    for (const auto& [make, count] : counts) {
        const auto& [cpus, memory, gpus] = make;
        job_submit::Shape shape;
        shape.nodes = count;
        shape.cpus = cpus;
        shape.memory = memory;
        for (const auto& [type, total] : gpus) shape.gpus.push_back({type, total, 0});
        list.push_back(std::move(shape));
    }
    return list;
}

// Leaves both lists empty, "cannot be told", where they would let in more than Slurm does.
void name_those_allowed(const policies::LendRule& rule, Uids& uids, Time at, job_submit::Rule& entry) {
    if (!rule.groups.empty()) return;
    for (const std::string& user : rule.users) {
        const auto uid = uids.of(user, at);
        if (!uid) {
            entry.uids.clear();
            return;
        }
        entry.uids.push_back(*uid);
    }
    entry.accounts = rule.accounts;
}

// Sites and rules on overflow, those that only advise included: users may say what they wish all the same.
void name_sites(const policies::OverflowPolicy& policy, Uids& uids, Time at,
                job_submit::Heartbeat& heartbeat) {
    heartbeat.sites.reserve(policy.sites.size());
    for (const policies::Site& site : policy.sites) {
        job_submit::SiteEntry entry{site.name, site.partition, {}};
        for (const auto& [user, account] : site.users)
            if (const auto uid = uids.of(user, at)) entry.uids.push_back(*uid);
        std::ranges::sort(entry.uids);
        heartbeat.sites.push_back(std::move(entry));
    }
    heartbeat.overflow.reserve(policy.rules.size());
    for (const policies::OverflowRule& rule : policy.rules)
        heartbeat.overflow.push_back({rule.name, rule.forbidden, rule.partitions, rule.sites});
}

// What stays in the reservation when the plan has been carried out: a job named at submission for a node that
// is on its way out would be refused.
Reservation after(const Plan& plan, const Reservation& now) {
    Reservation later = now;
    for (const Step& step : plan.steps) {
        const auto* set = std::get_if<SetReservation>(&step.action);
        if (set == nullptr || set->reservation != now.name) continue;
        std::erase_if(later.nodes,
                      [&](const std::string& node) { return !std::ranges::binary_search(set->nodes, node); });
    }
    return later;
}

}  // namespace

std::string heartbeat_text(const Snapshot& snapshot, const Plan& plan, const config::Policy& policy,
                           Duration valid_for, Uids& uids) {
    job_submit::Heartbeat heartbeat;
    heartbeat.at = snapshot.at.time_since_epoch().count();
    heartbeat.valid_for = valid_for;
    name_sites(policy.overflow, uids, snapshot.at, heartbeat);
    for (const auto& rule : policy.lend) {
        const Reservation* reservation = snapshot.reservation(rule.reservation());
        if (!policy.acts(rule) || held_home(snapshot.ledger, rule.name) || reservation == nullptr) continue;
        job_submit::Rule entry;
        entry.partition = rule.to;
        entry.reservation = reservation->name;
        entry.restricted = !rule.users.empty() || !rule.accounts.empty() || !rule.groups.empty();
        name_those_allowed(rule, uids, snapshot.at, entry);
        entry.shapes = shapes(snapshot, after(plan, *reservation));
        heartbeat.rules.push_back(std::move(entry));
    }
    return job_submit::to_text(heartbeat);
}

std::string heartbeat_problem(const std::string& text) {
    if (text.size() <= job_submit::kMaxHeartbeatBytes) return {};
    return "it would be " + std::to_string(text.size()) + " bytes, of which job_submit_weir reads at most " +
           std::to_string(job_submit::kMaxHeartbeatBytes) + ": sites.*.users or lend.*.users name too many";
}

}  // namespace weir::controller
