// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <map>
#include <set>

#include "policies/lend/decision.h"
#include "policies/lend/words.h"

namespace weir::policies {
namespace {

// A lent node that could be had back.
struct Prize {
    RuleWork* work = nullptr;
    std::size_t rule = 0;
    Standing* standing = nullptr;
    bool young = false;  // within min_loan and in use
};

// Which rules a job may reclaim from, as bits; the 64th and later rules share one.
using RuleBits = std::uint64_t;
constexpr RuleBits kAllRules = ~RuleBits{0};
RuleBits bit(std::size_t rule) {
    return RuleBits{1} << std::min<std::size_t>(rule, 63);
}

constexpr const char* kNoSet = "no set of lent nodes that may be taken back now would make room for it";

GpuSeconds work_lost(const Job& job, Time at) {
    return job.gpus * (job.started ? std::max(Duration::zero(), at - *job.started) : Duration::zero());
}

class Reclaimer {
  public:
    explicit Reclaimer(Decision& decision) : d_(decision), free_(decision.snapshot, decision.shapes) {
        is_from_.assign(d_.snapshot.partitions.size(), 0);
        for (std::size_t rule = 0; rule < d_.rules.size(); ++rule)
            if (d_.rules[rule].works())
                for (PartitionIndex partition : d_.rules[rule].land.from) is_from_[partition] |= bit(rule);
        gather_loans();
        gather_free();
    }

    void run() {
        // In the order in which Slurm would serve them.
        std::vector<Waiting> jobs = d_.owners_waiting;
        std::ranges::stable_sort(jobs,
                                 [](const Waiting& a, const Waiting& b) { return a.priority > b.priority; });
        for (Waiting& entry : jobs) entry.count = serve(entry);
        // What a job could get by a later reclaim is not lent meanwhile: it would come straight back.
        std::set<ShapeId> hopeless;
        for (const Waiting& entry : jobs) {
            int left = entry.count;
            if (left == 0 || hopeless.contains(entry.shape)) continue;
            while (left > 0 && claim_for_later(*entry.job, entry.shape)) --left;
            if (left > 0) hopeless.insert(entry.shape);
        }
    }

  private:
    RuleBits owners(const Job& job) const {
        RuleBits bits = 0;
        for (PartitionIndex partition : job.partitions) bits |= is_from_[partition];
        return bits;
    }

    bool stops(const RuleWork& work, const Standing& standing) const {
        return std::ranges::all_of(standing.borrowers, [&](const Job* job) {
            return job->state == JobState::kCompleting || work.rule().reclaim.then == Ending::kCancel ||
                   (work.rule().reclaim.then == Ending::kRequeue && job->requeueable);
        });
    }

    void gather_loans() {
        for (std::size_t rule = 0; rule < d_.rules.size(); ++rule) {
            RuleWork& work = d_.rules[rule];
            if (!work.works()) continue;
            for (Standing& standing : work.loans) {
                const bool leaving = standing.loan.vacating.has_value();
                if (!d_.takes_jobs(standing.node)) continue;
                const bool goes = standing.others == 0 && stops(work, standing);
                if (leaving && (standing.empty() || (goes && standing.loan.vacating->stops_jobs))) {
                    soon_free_.push_back(standing.node);
                } else if (goes) {
                    const bool young =
                        !standing.empty() && d_.snapshot.at - standing.loan.since < work.rule().min_loan;
                    prizes_.push_back({&work, rule, &standing, young && !leaving});
                    free_.open_empty(standing.node);
                }
                leaving_.insert(standing.node);
            }
        }
        for (Prize& prize : prizes_) left_.push_back(&prize);
        std::ranges::sort(left_, {}, [&](const Prize* prize) { return rank_of(*prize, {}); });
    }

    // What Slurm can give an owner's job without a reclaim: free nodes first, used ones before empty ones;
    // then those that are on their way home.
    void gather_free() {
        std::vector<NodeIndex> nodes;
        for (NodeIndex node = 0; node < d_.snapshot.nodes.size(); ++node) {
            if (!d_.takes_jobs(node) || d_.in_weirs[node] != 0 || leaving_.contains(node)) continue;
            if (d_.snapshot.nodes[node].cpus_used >= d_.snapshot.nodes[node].cpus) continue;
            nodes.push_back(node);
            free_.open_as_is(node);
        }
        std::ranges::stable_sort(nodes, {}, [&](NodeIndex node) {
            return std::pair(d_.snapshot.nodes[node].jobs == 0, free_.free_gpus(node, kAnyGpu));
        });
        for (NodeIndex node : soon_free_) free_.open_empty(node);
        nodes.insert(nodes.end(), soon_free_.begin(), soon_free_.end());
        for (NodeIndex node : nodes) free_.add(node);
    }

    void claim(const Placement& placement) {
        for (const Take& take : placement) d_.claimed[take.node] = 1;
    }

    // Places the job's tasks on what is free or comes free by a reclaim; returns how many found no place.
    int serve(const Waiting& entry) {
        for (int left = entry.count; left > 0; --left) {
            if (auto placement = free_.place(entry.shape)) {
                claim(*placement);
                if (left == entry.count && d_.watches(*entry.job)) tell_of_room(*entry.job, *placement);
            } else if (!reclaim_for(*entry.job, entry.shape)) {
                return left;
            }
        }
        return 0;
    }

    void tell_of_room(const Job& job, const Placement& placement) const {
        std::vector<std::string> coming;
        for (const Take& take : placement)
            if (std::ranges::find(soon_free_, take.node) != soon_free_.end())
                coming.push_back(d_.snapshot.nodes[take.node].name);
        d_.say(job, coming.empty() ? "there is room for it now, so Slurm will start it"
                                   : listed(coming) + (coming.size() == 1 ? " is" : " are") +
                                         " coming home and will make room for it");
    }

    // Rules whose conditions let this job have lent nodes back now.
    RuleBits ripe(const Job& job) const {
        const RuleBits owned = owners(job);
        RuleBits bits = 0;
        for (std::size_t rule = 0; rule < d_.rules.size(); ++rule) {
            if ((owned & bit(rule)) == 0 || !d_.rules[rule].works()) continue;
            const Reclaim& terms = d_.rules[rule].rule().reclaim;
            const Duration waited = d_.snapshot.at - *job.eligible;
            if (waited < terms.after) {
                if (d_.watches(job))
                    d_.say(job, "it has waited " + to_text(waited) + "; rule " + d_.rules[rule].rule().name +
                                    " takes lent nodes back for a job that has waited " +
                                    to_text(terms.after));
                continue;
            }
            if (job.expected_start && *job.expected_start <= d_.snapshot.at + terms.notice) {
                d_.say(job, "Slurm expects to start it sooner than lent nodes could come home");
                continue;
            }
            bits |= bit(rule);
        }
        return bits;
    }

    std::vector<Prize*> prizes_for(ShapeId shape, RuleBits rules, bool young_too) {
        std::vector<Prize*> found;
        for (Prize* prize : left_)
            if ((rules & bit(prize->rule)) != 0 && (young_too || !prize->young) &&
                free_.usable(shape, prize->standing->node))
                found.push_back(prize);
        return found;
    }

    bool reclaim_for(const Job& job, ShapeId shape) {
        if (left_.empty()) {
            d_.say(job, "no node is lent that could come home for it");
            return false;
        }
        if (d_.watch == nullptr && failed_.contains({shape, kAllRules})) return false;
        const RuleBits rules = ripe(job);
        if (rules == 0) return false;
        if (failed_.contains({shape, rules})) {
            d_.say(job, kNoSet);
            return false;
        }
        std::vector<Prize*> prizes = prizes_for(shape, rules, false);
        const std::vector<NodeIndex> usable = free_.usable(shape);
        auto chosen = cheapest(shape, usable, std::move(prizes));
        if (chosen.empty()) {
            failed_.insert({shape, rules});
            if (rules == owners(job)) failed_.insert({shape, kAllRules});
            d_.say(job, kNoSet);
            return false;
        }
        take_back(job, shape, usable, chosen);
        return true;
    }

    std::optional<Placement> try_with(ShapeId shape, std::vector<NodeIndex> nodes,
                                      const std::vector<Prize*>& prizes,
                                      const Prize* without = nullptr) const {
        for (const Prize* prize : prizes)
            if (prize != without) nodes.push_back(prize->standing->node);
        return free_.find(shape, nodes);
    }

    // What taking a node would interrupt beyond what is interrupted already.
    std::int64_t further_cost(const Prize& prize, const std::set<JobId>& interrupted) const {
        GpuSeconds sum;
        for (const Job* job : prize.standing->borrowers)
            if (job->state == JobState::kRunning && !interrupted.contains(job->id))
                sum += work_lost(*job, d_.snapshot.at);
        return sum.value;
    }

    // Cheapest first: unused ones, little work lost, young loans, by name.
    using Rank = std::tuple<bool, std::int64_t, std::int64_t, NodeIndex>;
    Rank rank_of(const Prize& prize, const std::set<JobId>& interrupted) const {
        return {!prize.standing->empty(), further_cost(prize, interrupted),
                -prize.standing->loan.since.time_since_epoch().count(), prize.standing->node};
    }

    // A set of lent nodes, cheap and without one too many, that makes room for the job; empty if there is
    // none. `prizes` come cheapest first.
    std::vector<Prize*> cheapest(ShapeId shape, const std::vector<NodeIndex>& usable,
                                 std::vector<Prize*> prizes) const {
        if (prizes.empty()) return {};
        std::vector<Prize*> chosen;
        std::set<JobId> interrupted;
        bool shared = false;
        auto rank = [&](const Prize* prize) { return rank_of(*prize, interrupted); };
        if (try_with(shape, usable, {prizes.front()})) return {prizes.front()};
        if (!try_with(shape, usable, prizes)) return {};
        while (!try_with(shape, usable, chosen)) {
            // Only stopping a job of several nodes makes another node cheaper.
            auto best = shared ? std::ranges::min_element(prizes, {}, rank) : prizes.begin();
            for (const Job* job : (*best)->standing->borrowers) {
                interrupted.insert(job->id);
                shared |= job->nodes.size() > 1;
            }
            chosen.push_back(*best);
            prizes.erase(best);
        }
        for (std::size_t i = chosen.size(); i-- > 0;)
            if (try_with(shape, usable, chosen, chosen[i]))
                chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(i));
        return chosen;
    }

    void take_back(const Job& job, ShapeId shape, const std::vector<NodeIndex>& usable,
                   const std::vector<Prize*>& chosen) {
        const Time at = d_.snapshot.at;
        auto placement = try_with(shape, usable, chosen);
        std::vector<std::string> names;
        for (Prize* prize : chosen) {
            const std::string why =
                "job " + job.label + " has waited " + to_text(at - *job.eligible) + " in " +
                owner_partition(*prize->work, job) + " for " + asked(job.request) +
                " and nothing else would free " +
                (job.request.nodes_min > 1 || job.request.gpus_total > 1 ? "them" : "it") + " sooner";
            send_home(*prize->standing, at, why, job.id, true);
            if (prize->standing->held) prize->work->urgent = true;
            flip(*prize->work, at, prize->standing->loan.since);
            std::erase(left_, prize);
            free_.add(prize->standing->node);
            soon_free_.push_back(prize->standing->node);
            names.push_back(prize->standing->loan.node);
        }
        free_.take(*placement);
        claim(*placement);
        d_.say(job, listed(names) + (names.size() == 1 ? " comes" : " come") + " home for it");
    }

    std::string owner_partition(const RuleWork& work, const Job& job) const {
        for (PartitionIndex partition : job.partitions)
            if (std::ranges::find(work.land.from, partition) != work.land.from.end())
                return d_.snapshot.partitions[partition].name;
        return {};
    }

    bool claim_for_later(const Job& job, ShapeId shape) {
        std::vector<Prize*> prizes = prizes_for(shape, owners(job), true);
        if (prizes.empty()) return false;
        auto placement = try_with(shape, free_.usable(shape), prizes);
        if (!placement) return false;
        free_.take(*placement);
        claim(*placement);
        return true;
    }

    Decision& d_;
    Capacity free_;
    std::vector<RuleBits> is_from_;     // by partition
    std::vector<Prize*> left_;          // not taken yet, cheapest first
    std::vector<Prize> prizes_;         // by rule and node
    std::vector<NodeIndex> soon_free_;  // vacating, and nothing will stay on them
    std::set<NodeIndex> leaving_;       // nodes of all loans
    std::set<std::pair<ShapeId, RuleBits>> failed_;
};

}  // namespace

void reclaim(Decision& decision) {
    Reclaimer(decision).run();
}

}  // namespace weir::policies
