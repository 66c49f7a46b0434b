// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

constexpr std::int64_t kMostGpus = 1'000'000;
constexpr Duration kMostTime = std::chrono::years(10);

bool listed(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

// What it is, rather than what it asks for.
std::string of_its_kind(const Job& job) {
    if (job.state != JobState::kPending) return "it does not wait any more";
    if (!job.batch) return "it is interactive (salloc or srun)";
    if (job.heterogeneous) return "it is part of a heterogeneous job";
    if (job.replica) return "it is a replica of service " + job.replica->service;
    if (!job.requeueable)
        return "it may not be requeued (--no-requeue, or JobRequeue in slurm.conf), and a site must be able "
               "to "
               "give it back";
    if (job.held) return "it is held";
    if (job.waits_for == WaitsFor::kBeginTime) return "its begin time has not come";
    if (job.waits_for != WaitsFor::kResources)
        return "it waits for something other than capacity: " + job.reason;
    if (!job.eligible) return "it may not start yet";
    return {};
}

// Whether Slurm may give it more nodes than it is reckoned with, and its GPUs unevenly.
bool nodes_open(const Request& request) {
    const bool can_only_be_one = request.nodes_max == 0 && request.nodes_min <= 1 && request.tasks <= 1;
    return request.nodes_max != request.nodes_min && !can_only_be_one;
}

std::string of_its_request(const Job& job) {
    const Request& request = job.request;
    const Ask ask = ask_of(request);
    if (ask.gpus == 0) return "it asks for no GPU";
    if (ask.all_gpus().value > kMostGpus) return "it asks for more GPUs than any site has";
    if (job.time_limit <= Duration{} || job.time_limit > kMostTime)
        return "it has no time limit, so what it costs has no bound";
    if (!request.beyond_model.empty()) return request.beyond_model;
    if (!request.features.empty()) return "it asks for features of nodes here (--constraint)";
    if (!request.nodes_required.empty()) return "it names nodes here (--nodelist)";
    if (!job.reservation.empty()) return "it names reservation " + job.reservation;
    if (job.licences) return "it asks for licences here";
    if (request.one_block) return "it asks for nodes under one switch (--switches)";
    if (request.exclusive) return "it asks for whole nodes (--exclusive), which are others elsewhere";
    if (nodes_open(request)) return "its number of nodes is open; --nodes=N would fix it";
    if (request.gpus_total % ask.nodes != 0) return "its GPUs do not spread evenly over its nodes";
    return {};
}

std::string of_partition(const Partition& partition, const Job& job) {
    const auto clash = [&](const std::vector<std::string>& allowed, const std::vector<std::string>& denied,
                           const std::string& name) {
        return (!allowed.empty() && !listed(allowed, name)) || listed(denied, name);
    };
    const std::string where = "partition " + partition.name;
    if (clash(partition.allow_accounts, partition.deny_accounts, job.account))
        return where + " does not take account " + job.account;
    if (clash(partition.allow_qos, partition.deny_qos, job.qos))
        return where + " does not take QOS " + job.qos;
    if (std::ranges::binary_search(partition.kept_out, job.user))
        return "user " + job.user + " is in none of the groups that " + where + " takes";
    if (partition.max_time > Duration{} && job.time_limit > partition.max_time)
        return where + " takes jobs of " + to_text(partition.max_time) + " at most";
    if (partition.max_nodes > 0 && ask_of(job.request).nodes > partition.max_nodes)
        return where + " takes jobs of " + std::to_string(partition.max_nodes) + " nodes at most";
    return {};
}

std::string milliseconds(std::chrono::microseconds latency) {
    const auto tenths = (latency.count() + 50) / 100;
    const auto rest = tenths % 10;
    return std::to_string(tenths / 10) + (rest != 0 ? "." + std::to_string(rest) : "") + "ms";
}

}  // namespace

bool acts(const OverflowRule& rule) {
    return !rule.mode || *rule.mode == Mode::kAct;
}

OverflowWish wish_of(const OverflowRule& rule, const Job& job) {
    if (rule.forbidden) return OverflowWish::kNever;
    return job.overflow.wish.value_or(rule.otherwise);
}

std::string why_not(const Job& job) {
    std::string why = of_its_kind(job);
    return !why.empty() ? why : of_its_request(job);
}

std::string why_not_there(const SiteWork& there, const OverflowRule& rule, const Job& job) {
    const Site& site = *there.site;
    if (!rule.sites.empty() && !listed(rule.sites, site.name))
        return "rule " + rule.name + " does not send jobs there";
    if (!job.overflow.sites.empty() && !listed(job.overflow.sites, site.name))
        return "its user names other sites";
    if (!there.problem.empty()) return there.problem;
    if (!site.users.contains(job.user)) return "user " + job.user + " has no account there";
    if (!site.accounts.empty() && !listed(site.accounts, job.account))
        return "account " + job.account + " may not run there";
    if (!site.qos.empty() && !listed(site.qos, job.qos)) return "QOS " + job.qos + " may not run there";
    if (std::string why = of_partition(*there.partition, job); !why.empty()) return why;
    if (job.overflow.latency && there.latency > *job.overflow.latency)
        return "it is " + milliseconds(there.latency) + " away, and its user wants at most " +
               milliseconds(*job.overflow.latency);
    const std::string& type = job.request.gpu_type;
    if (there.gpu_types.empty()) return "its gateway has no node with GPUs";
    if (!type.empty() && !listed(there.gpu_types, type)) return "it offers no " + type + " GPU";
    if (type.empty() && there.gpu_types.size() > 1)
        return "it offers several types of GPU, and the job names none";
    const std::string& got = type.empty() ? there.gpu_types.front() : type;
    if (!site.terms.gpu_hour.of(got)) return "weir.yaml names no price of its " + got + " GPUs";
    return {};
}

}  // namespace weir::policies::spill
