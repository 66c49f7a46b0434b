// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cmath>
#include <set>

#include "policies/consolidate/problem.h"
#include "policies/consolidate/work.h"
#include "policies/lend/words.h"

namespace weir::policies::consolidation {
namespace {

constexpr Duration kTidyGain{3600};  // how long a GPU that is made usable is reckoned to be used

std::vector<std::string> names_of(const Snapshot& snapshot, const std::vector<BinIndex>& bins) {
    std::vector<std::string> names;
    names.reserve(bins.size());
    for (const BinIndex bin : bins) names.push_back(snapshot.nodes[bin].name);
    std::ranges::sort(names);
    return names;
}

std::vector<BinIndex> bins_of(const std::vector<Hold>& holds) {
    std::vector<BinIndex> bins;
    bins.reserve(holds.size());
    for (const Hold& hold : holds) bins.push_back(hold.bin);
    return bins;
}

class Beginner {
  public:
    explicit Beginner(Work& work) : w_(work), rule_(*work.rule), problem_(work) {}

    void run() {
        held_back_ = held_back();
        for (const Want& want : w_.wants) serve(want);
    }

  private:
    Consolidation& memory() { return w_.memory(); }

    int running() const {
        return static_cast<int>(std::ranges::count_if(
            w_.memory().moves, [](const Move& move) { return move.stage != MoveStage::kUndo; }));
    }

    // Why no move may begin now, whatever is wanted.
    std::string held_back() const {
        const Time at = w_.snapshot.at;
        if (w_.frozen) return "consolidation only advises";
        if (!rule_.hours.empty() && !within(rule_.hours, at, w_.snapshot.utc_offset))
            return "moves begin at other hours only";
        if (running() >= rule_.at_once)
            return counted(running(), "job") + (running() == 1 ? " is" : " are") + " being moved (at_once)";
        const auto lately = [&](const Move& move) { return at - move.begun < std::chrono::hours(1); };
        const auto begun = std::ranges::count_if(w_.memory().moves, lately) +
                           std::ranges::count_if(w_.memory().past, lately);
        if (begun >= rule_.per_hour)
            return counted(static_cast<int>(begun), "move") + " began in the last hour (per_hour)";
        return {};
    }

    Clearing* under_way(const std::string& goal) {
        const auto found = std::ranges::find(memory().clearings, goal, &Clearing::goal);
        return found != memory().clearings.end() ? &*found : nullptr;
    }

    bool moves_for(const std::string& goal) const {
        return std::ranges::find(w_.memory().moves, goal, &Move::goal) != w_.memory().moves.end();
    }

    std::int64_t most_price(GpuSeconds gain) const {
        return static_cast<std::int64_t>(std::floor(static_cast<double>(gain.value) / rule_.min_gain));
    }

    void serve(const Want& want) {
        Clearing* clearing = under_way(want.goal);
        std::vector<NodeIndex> fixed;
        if (clearing != nullptr)
            for (const std::string& name : clearing->nodes)
                if (const auto node = w_.snapshot.node(name)) fixed.push_back(*node);
        Want wanted = want;
        if (clearing != nullptr) wanted.nodes = static_cast<int>(clearing->nodes.size());
        if (want.goal == "tidy" && clearing == nullptr) wanted.gain = most_of_tidying();
        auto solution = problem_.solve(wanted, fixed, most_price(wanted.gain) + 1);
        if (solution && want.goal == "tidy" && clearing == nullptr) wanted.gain = gain_of_tidying(*solution);
        report(wanted, solution, clearing != nullptr);
        GoalReport& told = w_.plan.consolidation.goals.back();
        if (!solution || solution->price > most_price(wanted.gain)) {
            told.held_back = why_not_worth(wanted, solution);
            if (clearing != nullptr && !moves_for(want.goal)) give_up(w_, want.goal);
            return;
        }
        if (solution->moves.empty()) return;
        told.held_back = held_back_;
        problem_.grant(*solution);
        if (!held_back_.empty()) return;
        if (clearing == nullptr) open(wanted, *solution);
        start(wanted, *solution);
        held_back_ = held_back();
    }

    std::string why_not_worth(const Want& want, const std::optional<Solution>& solution) const {
        if (solution)
            return "the moves would cost more than they are worth (min_gain " + text_of(rule_.min_gain) + ")";
        const auto& now = w_.plan.consolidation;
        if (now.checkpointed == 0) return "no running job declares a checkpoint (sbatch --weir-checkpoint)";
        if (now.movable == 0) return "none of the jobs that declare a checkpoint may be moved now";
        return "no moves that are worth their price (min_gain " + text_of(rule_.min_gain) + ", gain " +
               std::to_string(want.gain.value) + " GPU-seconds) would bring it about";
    }

    static std::string text_of(double number) {
        std::string text = std::to_string(number);
        text.erase(text.find_last_not_of('0') + 1);
        if (text.ends_with('.')) text.pop_back();
        return text;
    }

    void report(const Want& want, const std::optional<Solution>& solution, bool under_way) {
        GoalReport told;
        told.goal = want.goal;
        told.why = want.why;
        told.for_job = want.for_job;
        told.gain = want.gain;
        told.under_way = under_way;
        if (solution) {
            told.nodes = names_of(w_.snapshot, solution->bins);
            told.price = GpuSeconds{solution->price};
            for (const Relocation& move : solution->moves) {
                const Job& job = problem_.job(move.item);
                told.moves.push_back({job.id, job.label, names_of(w_.snapshot, job.nodes),
                                      names_of(w_.snapshot, bins_of(move.to)), GpuSeconds{move.price}});
            }
        }
        w_.plan.consolidation.goals.push_back(std::move(told));
    }

    void open(const Want& want, const Solution& solution) {
        Clearing clearing;
        clearing.goal = want.goal;
        clearing.for_job = want.for_job;
        clearing.rule = want.rule;
        clearing.nodes = names_of(w_.snapshot, solution.bins);
        clearing.why = want.why;
        clearing.price = GpuSeconds{solution.price};
        clearing.gain = want.gain;
        clearing.since = w_.snapshot.at;
        hold(w_, clearing);
        auto& all = memory().clearings;
        all.insert(std::ranges::lower_bound(all, clearing.goal, {}, &Clearing::goal), std::move(clearing));
    }

    // Those of the moves that may begin, each as long as it needs no other to be done before, and goes where
    // no other goes: a destination is one job's alone until it is there.
    void start(const Want& want, const Solution& solution) {
        for (const Relocation& relocation : solution.moves) {
            if (!held_back().empty()) return;
            const Job& job = problem_.job(relocation.item);
            const bool must_wait = std::ranges::any_of(
                relocation.to, [&](const Hold& hold) { return touched_.contains(hold.bin); });
            touched_.insert(job.nodes.begin(), job.nodes.end());
            if (!must_wait) start(want, solution, relocation, job);
        }
    }

    void start(const Want& want, const Solution& solution, const Relocation& relocation, const Job& job) {
        for (const Hold& hold : relocation.to) touched_.insert(hold.bin);
        const std::vector<std::string> nodes = names_of(w_.snapshot, solution.bins);
        const char* outcome = want.whole ? (nodes.size() == 1 ? " comes free: " : " come free: ")
                                         : (nodes.size() == 1 ? " has room: " : " have room: ");
        Move move;
        move.job = job.id;
        move.label = job.label;
        move.user = job.user;
        move.from = names_of(w_.snapshot, job.nodes);
        move.to = names_of(w_.snapshot, bins_of(relocation.to));
        move.goal = want.goal;
        move.for_job = want.for_job;
        move.why = "moved so that " + listed(nodes) + outcome + want.why;
        move.gpus = job.gpus;
        move.price = GpuSeconds{relocation.price};
        move.restarts = job.restarts;
        move.begun = w_.snapshot.at;
        std::vector<JobId> jobs{job.id};
        if (want.for_job) jobs.push_back(*want.for_job);
        w_.steps.push_back(
            {HoldNodes{move.reservation(), move.to, move.user, expiry_of(job)}, move.why, jobs});
        auto& all = memory().moves;
        all.insert(std::ranges::lower_bound(all, move.job, {}, &Move::job), std::move(move));
    }

    // What emptying one node could be worth at most: all GPUs of a node become usable.
    GpuSeconds most_of_tidying() const {
        int most = 0;
        for (const Node& node : w_.snapshot.nodes)
            for (const GpuPool& pool : node.gpus) most = std::max(most, pool.total);
        return Gpus{most} * kTidyGain;
    }

    // The GPUs that a job of the mix here can use after the moves and not before.
    GpuSeconds gain_of_tidying(const Solution& solution) const {
        const std::vector<double> lost = fragments(w_.snapshot);
        std::map<NodeIndex, std::int64_t> freed;
        for (const Relocation& move : solution.moves) {
            const Job& job = problem_.job(move.item);
            const auto each = job.gpus.value / static_cast<std::int64_t>(job.nodes.size());
            for (const NodeIndex node : job.nodes) freed[node] += each;
            for (const Hold& hold : move.to) freed[hold.bin] -= each;
        }
        double usable = 0;
        for (const auto& [index, more] : freed) {
            std::int64_t free = 0;
            for (const GpuPool& pool : w_.snapshot.nodes[index].gpus) free += pool.total - pool.used;
            const auto at = [&](std::int64_t count) {
                return lost[static_cast<std::size_t>(
                    std::clamp<std::int64_t>(count, 0, static_cast<std::int64_t>(lost.size()) - 1))];
            };
            usable += at(free) - at(free + more);
        }
        return GpuSeconds{
            static_cast<std::int64_t>(std::max(0.0, usable) * static_cast<double>(kTidyGain.count()))};
    }

    Work& w_;
    const ConsolidateRule& rule_;
    Problem problem_;
    std::string held_back_;
    std::set<NodeIndex> touched_;  // that jobs leave or go to, by moves of this cycle
};

}  // namespace

void begin(Work& work) {
    if (work.rule == nullptr || work.wants.empty()) return;
    Beginner(work).run();
}

}  // namespace weir::policies::consolidation
