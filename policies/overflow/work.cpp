// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/overflow/work.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

namespace weir::policies::spill {

double training_speed(const GpuTypeTable& types, const std::string& type) {
    const auto found = types.find(type);
    return found != types.end() && found->second.training > 0 ? found->second.training : 1.0;
}

namespace {

// Reads a number off the front of a text.
std::optional<int> number(std::string_view& text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

bool skip(std::string_view& text, char wanted) {
    if (text.empty() || text.front() != wanted) return false;
    text.remove_prefix(1);
    return true;
}

struct Tasks {
    int first = 0;
    int last = 0;
    int stride = 1;
};

// The runs of tasks in "17_[5-9,12]". Slurm writes "..." where the list is long.
std::vector<Tasks> runs_of_tasks(const std::string& label) {
    std::vector<Tasks> runs;
    const auto cut = label.find('_');
    if (cut == std::string::npos) return runs;
    std::string_view text = std::string_view(label).substr(cut + 1);
    skip(text, '[');
    while (const auto first = number(text)) {
        Tasks& run = runs.emplace_back(Tasks{*first, *first, 1});
        if (skip(text, '-')) run.last = number(text).value_or(*first);
        if (skip(text, ':')) run.stride = std::max(1, number(text).value_or(1));
        if (!skip(text, ',')) break;
    }
    return runs;
}

// Whether the record of an array still holds the task of that label.
bool holds_task(const Job& array, const std::string& label) {
    const auto cut = label.find('_');
    if (cut == std::string::npos || !array.label.starts_with(label.substr(0, cut + 1))) return false;
    std::string_view text = std::string_view(label).substr(cut + 1);
    const auto task = number(text);
    return task && std::ranges::any_of(runs_of_tasks(array.label), [&](const Tasks& run) {
               return *task >= run.first && *task <= run.last && (*task - run.first) % run.stride == 0;
           });
}

}  // namespace

Work::Work(const Snapshot& the_snapshot, const OverflowPolicy& the_policy, const GpuTypeTable& the_types,
           bool is_frozen, Plan& the_plan)
    : snapshot(the_snapshot),
      policy(the_policy),
      types(the_types),
      frozen(is_frozen),
      plan(the_plan),
      accounts(the_policy, {}, the_snapshot.at, the_snapshot.utc_offset),
      rule_of_partition(the_snapshot.partitions.size(), kNoRule) {
    for (std::size_t rule = 0; rule < policy.rules.size(); ++rule)
        for (const std::string& name : policy.rules[rule].partitions)
            if (const auto index = snapshot.partition(name))
                rule_of_partition[*index] = static_cast<int>(rule);
    sites.resize(policy.sites.size());
    for (std::size_t i = 0; i < sites.size(); ++i) {
        sites[i].site = &policy.sites[i];
        sites[i].look = snapshot.site(policy.sites[i].name);
        if (const auto index = snapshot.partition(policy.sites[i].partition))
            sites[i].partition = &snapshot.partitions[*index];
        if (sites[i].look == nullptr) continue;
        for (const RemoteRun& run : sites[i].look->runs) sites[i].runs.emplace(run.label, &run);
    }
    std::set<std::string_view> wanted;
    for (const Nomination& one : memory().nominations)
        if (one.label.find('_') != std::string::npos) wanted.insert(one.label);
    if (wanted.empty()) return;
    for (const Job& job : snapshot.jobs)
        if (wanted.contains(job.label)) tasks[job.label] = &job;
}

const SiteWork* Work::site(const std::string& name) const {
    const auto found =
        std::ranges::find_if(sites, [&](const SiteWork& one) { return one.site->name == name; });
    return found != sites.end() ? &*found : nullptr;
}

SiteWork* Work::site(const std::string& name) {
    return const_cast<SiteWork*>(std::as_const(*this).site(name));
}

const OverflowRule* Work::rule(const std::string& name) const {
    const auto found = std::ranges::find(policy.rules, name, &OverflowRule::name);
    return found != policy.rules.end() ? &*found : nullptr;
}

const OverflowRule* Work::rule_of(const Job& job) const {
    int rule = kNoRule;
    for (const PartitionIndex index : job.partitions) {
        if (!snapshot.partitions[index].site.empty()) continue;
        const int here = rule_of_partition[index];
        if (here == kNoRule || (rule != kNoRule && rule != here)) return nullptr;
        rule = here;
    }
    return rule != kNoRule ? &policy.rules[static_cast<std::size_t>(rule)] : nullptr;
}

std::vector<std::string> Work::home_of(const Job& job) const {
    std::vector<std::string> home;
    home.reserve(job.partitions.size());
    for (const PartitionIndex index : job.partitions)
        if (snapshot.partitions[index].site.empty()) home.push_back(snapshot.partitions[index].name);
    return home;
}

const std::string& Work::home_type(const Job& job) const {
    if (!job.request.gpu_type.empty()) return job.request.gpu_type;
    const auto [place, fresh] = home_types.try_emplace(job.partitions);
    if (!fresh) return place->second;
    double fastest = 0;
    for (const PartitionIndex partition : job.partitions) {
        if (!snapshot.partitions[partition].site.empty()) continue;
        for (const NodeIndex node : snapshot.partitions[partition].nodes) {
            for (const GpuPool& pool : snapshot.nodes[node].gpus) {
                const double speed = training_speed(types, pool.type);
                if (pool.total <= 0 || speed <= fastest) continue;
                fastest = speed;
                place->second = pool.type;
            }
        }
    }
    return place->second;
}

const Job* Work::job_of(const Nomination& nomination) const {
    const auto known = [&](const Job* job) {
        // Slurm gives a job that is requeued a new time of submission.
        return job != nullptr && job->user == nomination.user &&
               (job->submitted == nomination.submitted || job->restarts > nomination.restarts);
    };
    const Job* job = snapshot.job(nomination.job);
    if (job != nullptr && job->label == nomination.label) return known(job) ? job : nullptr;
    const auto task = tasks.find(nomination.label);
    if (task != tasks.end() && known(task->second)) return task->second;
    const bool waits_with_array =
        known(job) && job->state == JobState::kPending && holds_task(*job, nomination.label);
    return waits_with_array ? job : nullptr;
}

void Work::step(const Job& job, Action action, std::string why) {
    if (!frozen) plan.steps.push_back({std::move(action), std::move(why), {job.id}});
}

std::vector<int> first_tasks(const std::string& label, std::size_t most) {
    std::vector<int> tasks;
    for (const Tasks& run : runs_of_tasks(label))
        for (int task = run.first; task <= run.last && tasks.size() < most; task += run.stride)
            tasks.push_back(task);
    return tasks;
}

std::string priced(const Work& work, Money money) {
    return to_text(money) + (work.policy.currency.empty() ? "" : " " + work.policy.currency);
}

}  // namespace weir::policies::spill
