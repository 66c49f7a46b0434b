// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <set>

#include "policies/consolidate/work.h"
#include "policies/lend/fit.h"
#include "policies/lend/words.h"

namespace weir::policies::consolidation {
namespace {

constexpr Duration kGainMost{3600};        // of a job's time that counts as gained
constexpr std::size_t kConsidered = 1000;  // pending jobs looked at, the most urgent ones
constexpr std::size_t kFitWants = 8;       // of jobs that differ

Duration time_gained(const Job& job) {
    return job.time_limit > Duration{} ? std::min(job.time_limit, kGainMost) : kGainMost;
}

int gpus_asked(const Shape& shape) {
    return std::max(1, shape.even.gpus * shape.even_nodes);
}

bool resting(const Work& work, const std::string& goal) {
    const auto& rests = work.memory().rests;
    return std::ranges::binary_search(rests, goal, {}, &GoalRest::goal);
}

// What the nodes let start: the jobs that lack them, as far as their GPUs go.
GpuSeconds gain_of(Work& work, const RuleReport& rule, int gpus) {
    GpuSeconds gain;
    for (const JobId id : rule.lacking) {
        const Job* job = work.snapshot.job(id);
        if (job == nullptr) continue;
        const int each = gpus_asked(work.shapes[work.shapes.of(*job)]);
        for (int task = 0; task < job->count && gpus >= each; ++task) {
            gain += Gpus{each} * time_gained(*job);
            gpus -= each;
        }
    }
    return gain;
}

// Nodes for the most urgent job that a lending rule has none for.
void want_for(Work& work, const RuleReport& rule) {
    const Job* job = rule.lacking.empty() ? nullptr : work.snapshot.job(rule.lacking.front());
    if (job == nullptr) return;
    const ShapeId id = work.shapes.of(*job);
    const Shape& shape = work.shapes[id];
    Want want;
    want.goal = rule.rule;
    want.rule = rule.rule;
    want.for_job = job->id;
    want.why = "job " + job->label + " waits in " + rule.to + " for " + asked(job->request) +
               " and no idle node is left for it";
    want.whole = true;
    const int spare = std::max(0, rule.owner_idle - rule.keep_idle);
    want.nodes = std::max(1, shape.even_nodes - spare) + std::max(0, rule.keep_idle - rule.owner_idle);
    Capacity empty(work.snapshot, work.shapes);
    int gpus_a_node = 0;
    for (const NodeIndex node : rule.lendable_if_idle) {
        empty.open_empty(node);
        if (!empty.usable(id, node)) continue;
        want.candidates.push_back(node);
        gpus_a_node = std::max(gpus_a_node, empty.free_gpus(node, kAnyGpu));
    }
    want.gain = gain_of(work, rule, std::max(gpus_a_node * want.nodes, gpus_asked(shape)));
    if (!want.candidates.empty()) work.wants.push_back(std::move(want));
}

// A clearing for a rule goes on as long as the rule lacks nodes; its own nodes are no candidates any more.
void keep_wanting(Work& work, const RuleReport& rule) {
    for (const Clearing& clearing : work.memory().clearings) {
        if (clearing.rule != rule.rule || rule.lacking.empty()) continue;
        Want want;
        want.goal = clearing.goal;
        want.rule = clearing.rule;
        want.for_job = clearing.for_job;
        want.why = clearing.why;
        want.whole = true;
        want.gain = clearing.gain;
        work.wants.push_back(std::move(want));
    }
}

class Fits {
  public:
    explicit Fits(Work& work)
        : w_(work), free_(work.snapshot, work.shapes), empty_(work.snapshot, work.shapes) {
        for (const RuleReport& rule : w_.plan.rules)
            if (const auto to = w_.snapshot.partition(rule.to)) borrowers_.insert(*to);
        for (NodeIndex node = 0; node < w_.snapshot.nodes.size(); ++node) {
            empty_.open_empty(node);
            if (!w_.takes_jobs(node)) continue;
            free_.open_as_is(node);
            free_.add(node);
        }
    }

    void run() {
        std::vector<const Job*> jobs;
        for (const Job& job : w_.snapshot.jobs)
            if (counts(job)) jobs.push_back(&job);
        const auto most = std::min(kConsidered, jobs.size());
        std::ranges::partial_sort(jobs, jobs.begin() + static_cast<std::ptrdiff_t>(most),
                                  [](const Job* a, const Job* b) {
                                      return std::tuple(b->priority, a->id) < std::tuple(a->priority, b->id);
                                  });
        jobs.resize(most);
        std::size_t found = 0;
        for (const Job* job : jobs)
            if (found < kFitWants && consider(*job)) ++found;
    }

  private:
    bool counts(const Job& job) const {
        return job.state == JobState::kPending && job.waits_for == WaitsFor::kResources && job.eligible &&
               job.reservation.empty() && job.nominated.empty() && job.request.beyond_model.empty() &&
               !job.given_up &&
               !std::ranges::all_of(job.partitions, [&](PartitionIndex p) { return borrowers_.contains(p); });
    }

    // Whether room for it is wanted by moves.
    bool consider(const Job& job) {
        const ShapeId id = w_.shapes.of(job);
        const std::string goal = goal_of(job.id);
        if (const Clearing* clearing = under_way(goal)) return keep(job, id, *clearing);
        if (free_.place(id) || seen_.contains(id)) return false;  // Slurm can start it; or as one before
        seen_.insert(id);
        if (resting(w_, goal) || w_.snapshot.at - *job.eligible < w_.rule->after) return false;
        const bool soon = job.expected_start && *job.expected_start <= w_.snapshot.at + w_.rule->start;
        if (soon || comes_home(job)) return false;
        const Shape& shape = w_.shapes[id];
        if (shape.even.gpus == 0 || !shape.required.empty() || !would_do(id, shape)) return false;
        Want want = blank(job, shape);
        for (NodeIndex node = 0; node < w_.snapshot.nodes.size(); ++node)
            if (w_.takes_jobs(node) && empty_.usable(id, node)) want.candidates.push_back(node);
        if (want.candidates.size() < static_cast<std::size_t>(want.nodes)) return false;
        w_.wants.push_back(std::move(want));
        return true;
    }

    const Clearing* under_way(const std::string& goal) const {
        const auto& clearings = w_.memory().clearings;
        const auto found = std::ranges::find(clearings, goal, &Clearing::goal);
        return found != clearings.end() ? &*found : nullptr;
    }

    bool keep(const Job& job, ShapeId id, const Clearing& clearing) {
        Want want = blank(job, w_.shapes[id]);
        want.gain = clearing.gain;
        w_.wants.push_back(std::move(want));
        return true;
    }

    Want blank(const Job& job, const Shape& shape) const {
        Want want;
        want.goal = goal_of(job.id);
        want.for_job = job.id;
        want.why = "job " + job.label + " waits for " + asked(job.request) +
                   " and the free GPUs would do for it, were they together";
        want.nodes = shape.even_nodes;
        want.need = shape.even;
        want.gpu_type = shape.gpu_type;
        want.one_block = job.request.one_block;
        want.gain = Gpus{gpus_asked(shape)} * time_gained(job);
        return want;
    }

    // Lent nodes are on their way home for it.
    bool comes_home(const Job& job) const {
        return std::ranges::any_of(w_.plan.ledger.loans, [&](const Loan& loan) {
            return loan.vacating && loan.vacating->for_job == job.id;
        });
    }

    // Whether the free GPUs are enough, wherever they are.
    bool would_do(ShapeId id, const Shape& shape) const {
        int gpus = 0;
        for (NodeIndex node = 0; node < w_.snapshot.nodes.size(); ++node)
            if (w_.takes_jobs(node) && empty_.usable(id, node)) gpus += free_.free_gpus(node, shape.gpu_type);
        return gpus >= gpus_asked(shape);
    }

    Work& w_;
    Capacity free_;
    Capacity empty_;
    std::set<PartitionIndex> borrowers_;
    std::set<ShapeId> seen_;
};

// Any node that jobs run on and whose GPUs are not all used.
void want_tidiness(Work& work) {
    Want want;
    want.goal = "tidy";
    want.why = "it is time to tidy up";
    want.whole = true;
    for (NodeIndex index = 0; index < work.snapshot.nodes.size(); ++index) {
        const Node& node = work.snapshot.nodes[index];
        const bool partly = std::ranges::any_of(
            node.gpus, [](const GpuPool& pool) { return pool.used > 0 && pool.used < pool.total; });
        if (partly && work.takes_jobs(index)) want.candidates.push_back(index);
    }
    work.wants.push_back(std::move(want));
}

}  // namespace

std::string goal_of(JobId job) {
    return "job_" + std::to_string(job.value);
}

void find_wants(Work& work) {
    if (work.rule == nullptr) return;
    if (work.rule->for_demand) {
        for (const RuleReport& rule : work.plan.rules) {
            const std::size_t before = work.wants.size();
            keep_wanting(work, rule);
            if (work.wants.size() == before && !resting(work, rule.rule)) want_for(work, rule);
        }
    }
    if (work.rule->for_fit) Fits(work).run();
    const auto& clearings = work.memory().clearings;
    const bool tidying = std::ranges::find(clearings, "tidy", &Clearing::goal) != clearings.end();
    const bool time = within(work.rule->tidy, work.snapshot.at, work.snapshot.utc_offset);
    if (tidying || (time && work.wants.empty() && !resting(work, "tidy"))) want_tidiness(work);
}

}  // namespace weir::policies::consolidation
