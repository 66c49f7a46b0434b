// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/consolidate/problem.h"

#include <algorithm>
#include <limits>

namespace weir::policies::consolidation {
namespace {

constexpr Duration kTargetHeld{120};  // how long a wanted node is kept free, on average

std::uint64_t gpu_bit(std::size_t gpu) {
    return gpu < kMostGpus ? std::uint64_t{1} << gpu : 0;
}

std::size_t gpus_of(const Node& node) {
    std::size_t sum = 0;
    for (const GpuPool& pool : node.gpus) sum += static_cast<std::size_t>(pool.total);
    return sum;
}

}  // namespace

Problem::Problem(Work& work)
    : w_(work),
      empty_(work.snapshot, work.shapes),
      assigned_(work.snapshot.nodes.size(), 0),
      in_use_(work.snapshot.nodes.size(), 0) {
    for (const GpuUse& use : w_.snapshot.gpu_uses)
        in_use_[use.node] |= gpu_bit(static_cast<std::size_t>(std::max(0, use.index)));
    add_nodes();
    add_jobs();
    remove_travellers();
}

void Problem::add_nodes() {
    std::map<std::pair<std::string, std::string>, int> groups;
    for (NodeIndex index = 0; index < w_.snapshot.nodes.size(); ++index) {
        const Node& node = w_.snapshot.nodes[index];
        std::vector<Slot> slots;
        slots.reserve(gpus_of(node));
        for (const GpuPool& pool : node.gpus) {
            const int type = w_.shapes.gpu_types().find(pool.type);
            for (int i = 0; i < pool.total; ++i) slots.push_back({type, i < pool.used ? 0 : kWholeGpu});
        }
        int group = -1;
        if (!node.block.empty() || !node.nvlink_domain.empty())
            group = groups.try_emplace({node.block, node.nvlink_domain}, static_cast<int>(groups.size()))
                        .first->second;
        empty_.open_empty(index);
        const bool open = w_.takes_jobs(index) && node.state == NodeState::kUp && !node.planned;
        packing_.add_bin(std::max(0, node.cpus - node.cpus_used),
                         std::max<std::int64_t>(0, node.memory - node.memory_used), slots, group, open);
    }
}

void Problem::add_jobs() {
    for (const Job& job : w_.snapshot.jobs) {
        if (job.state == JobState::kRunning && job.checkpoint &&
            why_not(w_.snapshot, *w_.rule, w_.memory(), job).empty())
            add(job);
    }
}

// The GPU type that a job holds; that of its nodes, where Slurm counts GPUs without telling types apart.
int Problem::type_of(const Job& job) const {
    if (job.gpus.value == 0) return kAnyType;
    if (!job.gpu_type.empty()) return w_.shapes.gpu_types().find(job.gpu_type);
    const auto use = std::ranges::lower_bound(w_.snapshot.gpu_uses, job.id, {}, &GpuUse::job);
    if (use != w_.snapshot.gpu_uses.end() && use->job == job.id) return w_.shapes.gpu_types().find(use->type);
    const auto& gpus = w_.snapshot.nodes[job.nodes.front()].gpus;
    return gpus.size() == 1 ? w_.shapes.gpu_types().find(gpus.front().type) : kNoSuchGpu;
}

void Problem::add(const Job& job) {
    const auto nodes = static_cast<std::int64_t>(job.nodes.size());
    const int type = type_of(job);
    if (type == kNoSuchGpu) return;
    Item item;
    item.size = {job.cpus / nodes, job.memory / nodes, static_cast<int>(job.gpus.value / nodes), kWholeGpu,
                 type};
    for (const NodeIndex node : job.nodes) {
        const auto hold = claim(job, node, type, item.size.gpus);
        if (!hold) {  // Slurm's tables are of different instants
            for (const Hold& other : item.at) assigned_[other.bin] &= ~other.gpus;
            return;
        }
        item.at.push_back(*hold);
    }
    item.movable = true;
    item.price = price_of(w_, job);
    item.hold = (downtime_of(job, w_.snapshot.at).all()).count();
    item.allowed = places_for(job);
    item.together = nodes > 1;
    packing_.add_item(std::move(item));
    jobs_.push_back(&job);
}

// Which of a node's used GPUs are the job's: any of its type, since all are alike here.
std::optional<Hold> Problem::claim(const Job&, NodeIndex node, int type, int gpus) {
    Hold hold{node, 0};
    const auto slots = packing_.slots(node);
    for (std::size_t i = 0; i < slots.size() && gpus > 0; ++i) {
        const bool used = slots[i].free == 0 && (assigned_[node] & gpu_bit(i)) == 0;
        if (!used || slots[i].type != type) continue;
        hold.gpus |= gpu_bit(i);
        --gpus;
    }
    if (gpus > 0) return std::nullopt;
    assigned_[node] |= hold.gpus;
    return hold;
}

// How near the GPUs of a job are to each other, on the node where they are farthest; absent if not known.
std::optional<Nearness> Problem::nearness_of(const Job& job) const {
    std::optional<Nearness> worst;
    auto use = std::ranges::lower_bound(w_.snapshot.gpu_uses, job.id, {}, &GpuUse::job);
    while (use != w_.snapshot.gpu_uses.end() && use->job == job.id) {
        const NodeIndex node = use->node;
        std::vector<std::size_t> gpus;
        for (; use != w_.snapshot.gpu_uses.end() && use->job == job.id && use->node == node; ++use)
            gpus.push_back(static_cast<std::size_t>(std::max(0, use->index)));
        const auto here = w_.snapshot.nodes[node].pairs.worst(gpus);
        if (!here) return std::nullopt;
        worst = std::min(worst.value_or(*here), *here);
    }
    return worst;
}

bool Problem::near_enough(NodeIndex index, std::size_t gpus, std::optional<Nearness> now) const {
    if (!now || gpus <= 1) return true;
    const Node& node = w_.snapshot.nodes[index];
    std::vector<std::size_t> free;
    std::vector<std::size_t> all;
    for (std::size_t gpu = 0; gpu < gpus_of(node); ++gpu) {
        all.push_back(gpu);
        if ((in_use_[index] & gpu_bit(gpu)) == 0) free.push_back(gpu);
    }
    const auto there = node.pairs.best(free.size() >= gpus ? free : all, gpus).value_or(Nearness::kSystem);
    return static_cast<int>(there) + w_.rule->max_worse >= static_cast<int>(*now);
}

// Where a job may go: where its partition, its constraints and its GPUs let it, and nothing else is planned.
const BinFlags* Problem::places_for(const Job& job) {
    const ShapeId id = w_.shapes.of(job);
    const auto gpus = static_cast<std::size_t>(job.gpus.value) / job.nodes.size();
    const auto now = nearness_of(job);
    auto [place, fresh] = places_.try_emplace({id, now && gpus > 1 ? static_cast<int>(*now) : -1});
    if (!fresh) return &place->second;
    BinFlags& flags = place->second;
    flags.assign(w_.snapshot.nodes.size(), 0);
    for (NodeIndex node = 0; node < w_.snapshot.nodes.size(); ++node) {
        if (!packing_.bin(node).open) continue;
        const bool alone = !job.request.exclusive || w_.snapshot.nodes[node].jobs == 0;
        if (alone && empty_.usable(id, node) && near_enough(node, gpus, now)) flags[node] = 1;
    }
    return &flags;
}

// Jobs on their way leave room behind; where they go nothing else goes, since it is reserved.
void Problem::remove_travellers() {
    for (const Move& move : w_.memory().moves) {
        const Job* job = w_.snapshot.job(move.job);
        if (job == nullptr || !move.failure.empty() || job->restarts != move.restarts || job->nodes.empty())
            continue;
        const int type = type_of(*job);
        const auto nodes = static_cast<std::int64_t>(job->nodes.size());
        const Size size{job->cpus / nodes, job->memory / nodes, static_cast<int>(job->gpus.value / nodes),
                        kWholeGpu, type};
        for (const NodeIndex node : job->nodes)
            if (const auto hold = claim(*job, node, type, size.gpus)) packing_.give(*hold, size);
    }
}

Goal Problem::goal_for(const Want& want, const std::vector<NodeIndex>& nodes) const {
    Goal goal;
    goal.bins = want.nodes;
    for (const NodeIndex index : nodes) {
        if (taken_.contains(index)) continue;
        const Node& node = w_.snapshot.nodes[index];
        Target target;
        target.bin = index;
        if (want.whole)
            target.need = {node.cpus, node.memory, static_cast<int>(gpus_of(node)), kWholeGpu, kAnyType};
        else
            target.need = {want.need.cpus, want.need.memory, want.need.gpus, kWholeGpu,
                           want.gpu_type == kAnyGpu ? kAnyType : want.gpu_type};
        target.price = packing_.bin(index).whole * kTargetHeld.count();
        goal.targets.push_back(target);
    }
    return goal;
}

std::optional<Solution> Problem::solve_on(const Want& want, const std::vector<NodeIndex>& nodes,
                                          std::int64_t below) {
    if (nodes.size() < static_cast<std::size_t>(want.nodes)) return std::nullopt;
    Limits limits;
    limits.below = below;
    limits.moves = w_.rule->most_moves;
    return cheapest(packing_, goal_for(want, nodes), limits);
}

std::optional<Solution> Problem::solve(const Want& want, const std::vector<NodeIndex>& fixed,
                                       std::int64_t below) {
    const std::vector<NodeIndex>& nodes = fixed.empty() ? want.candidates : fixed;
    if (!want.one_block || !fixed.empty()) return solve_on(want, nodes, below);
    std::map<std::string, std::vector<NodeIndex>> blocks;
    for (const NodeIndex node : nodes) blocks[w_.snapshot.nodes[node].block].push_back(node);
    std::optional<Solution> best;
    for (const auto& [block, members] : blocks)
        if (auto one = solve_on(want, members, best ? best->price : below)) best = std::move(one);
    return best;
}

void Problem::grant(const Solution& solution) {
    carry_out(packing_, solution);
    taken_.insert(solution.bins.begin(), solution.bins.end());
}

}  // namespace weir::policies::consolidation
