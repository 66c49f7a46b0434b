// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <set>
#include <unordered_map>

#include "policies/lend/choose.h"
#include "policies/lend/decision.h"
#include "policies/lend/words.h"

namespace weir::policies {
namespace {

// A node that demand or spare asks for.
struct Wish {
    NodeIndex node = 0;
    std::string why;
    std::optional<JobId> for_job;
};

class Demand {
  public:
    Demand(Decision& decision, RuleWork& work)
        : d_(decision),
          work_(work),
          free_(decision.snapshot, decision.shapes),
          candidates_(decision, work),
          needed_(decision.snapshot.nodes.size(), 0) {
        for (NodeIndex node : candidates_.all()) free_.open_empty(node);
        gather_members();
        measure_bounds();
    }

    void run() {
        std::vector<Waiting> unserved;
        std::vector<Waiting> jobs = waiting();
        for (Waiting& entry : jobs) {
            work_.report.waiting_jobs += entry.count;
            entry.count = serve(entry);
            if (entry.count > 0) unserved.push_back(entry);
        }
        count_free_at_hand();
        wish_for_spare();
        work_.report.borrower_free_gpus = free_.free_gpus(kAnyGpu);
        const std::vector<Wish> granted = wishes_;
        imagine_without_bounds(unserved);
        report_wanted();
        if (held_by_time().empty()) lend(granted);
        work_.report.held_back = why_held_back(granted);
        if (d_.watch != nullptr) tell(granted);
        if (!work_.state.held_home && d_.may_write(work_)) return_surplus();
    }

  private:
    // Own nodes first, then used ones, so that nodes nobody needs stay without a job and go home.
    void gather_members() {
        std::vector<NodeIndex> own;
        for (NodeIndex node : work_.land.own)
            if (d_.takes_jobs(node)) own.push_back(node);
        std::vector<const Standing*> lent;
        for (const Standing& standing : work_.loans)
            if (!standing.loan.vacating && d_.takes_jobs(standing.node)) lent.push_back(&standing);
        const Time never = Time::max();
        std::ranges::stable_sort(lent, [&](const Standing* a, const Standing* b) {
            return a->loan.unused_since.value_or(never) > b->loan.unused_since.value_or(never);
        });
        for (NodeIndex node : own) join(node);
        for (const Standing* standing : lent) join(standing->node);
    }

    void join(NodeIndex node) {
        free_.open_as_is(node);
        free_.add(node);
        at_hand_.push_back(node);
    }

    void measure_bounds() {
        int idle = 0;
        for (NodeIndex node = 0; node < d_.snapshot.nodes.size(); ++node)
            if (work_.land.is_owners[node] != 0 && d_.idle_at_home(node) && d_.claimed[node] == 0) ++idle;
        spare_of_owner_ = std::max(0, idle - work_.rule().keep_idle);
        lent_ = static_cast<int>(
            std::ranges::count_if(work_.loans, [](const Standing& s) { return !s.loan.vacating; }));
        below_max_ = work_.rule().max_lent ? std::max(0, *work_.rule().max_lent - lent_) : candidates_.left();
    }

    int grantable() const { return std::min(spare_of_owner_, below_max_) - static_cast<int>(wishes_.size()); }

    // What wants a certain GPU type first: the rest takes what is left over.
    std::vector<Waiting> waiting() const {
        std::vector<Waiting> jobs = work_.waiting;
        std::ranges::stable_sort(jobs, [&](const Waiting& a, const Waiting& b) {
            const bool a_typed = d_.shapes[a.shape].gpu_type != kAnyGpu;
            const bool b_typed = d_.shapes[b.shape].gpu_type != kAnyGpu;
            return a_typed != b_typed ? a_typed : a.priority > b.priority;
        });
        return jobs;
    }

    // Places the job's tasks, on new nodes where need be; returns how many found no place.
    int serve(const Waiting& entry) {
        for (int left = entry.count; left > 0; --left) {
            if (auto placement = free_.place(entry.shape)) {
                need(*placement);
                if (left == entry.count)
                    d_.say(*entry.job, "there is room for it now, so Slurm will start it");
            } else if (!wish_for(*entry.job, entry.shape)) {
                return left;
            }
        }
        return 0;
    }

    void need(const Placement& placement) {
        for (const Take& take : placement) needed_[take.node] = 1;
    }

    // Adds the new nodes that let one task of the job start, all of them or none.
    bool wish_for(const Job& job, ShapeId shape) {
        if (nowhere_.contains(shape)) return false;
        if (bounded_ && grantable() <= 0) return false;
        const auto refused = too_many_.find(shape);
        if (bounded_ && refused != too_many_.end() && refused->second == wishes_.size()) return false;
        std::vector<NodeIndex> nodes = free_.usable(shape);
        std::vector<NodeIndex> picked;
        auto placement = complete(shape, nodes, picked);
        std::erase_if(picked, [&](NodeIndex node) {
            const bool used =
                placement && std::ranges::find(*placement, node, &Take::node) != placement->end();
            if (!used) candidates_.put_back(node);
            return !used;
        });
        if (!placement) {
            nowhere_.insert(shape);
            return false;
        }
        if (bounded_ && static_cast<int>(picked.size()) > grantable()) {
            for (NodeIndex node : picked) candidates_.put_back(node);
            too_many_[shape] = wishes_.size();
            return false;
        }
        const std::string why =
            "job " + job.label + " waits in " + work_.rule().to + " for " + asked(job.request);
        for (NodeIndex node : picked) {
            wishes_.push_back({node, why, job.id});
            free_.add(node);
        }
        free_.take(*placement);
        need(*placement);
        return true;
    }

    // Picks candidates until the job fits `nodes` and them.
    std::optional<Placement> complete(ShapeId shape, std::vector<NodeIndex>& nodes,
                                      std::vector<NodeIndex>& picked) {
        const Shape& wanted = d_.shapes[shape];
        auto add = [&](std::optional<NodeIndex> node) {
            if (!node) return false;
            nodes.push_back(*node);
            picked.push_back(*node);
            return true;
        };
        for (NodeIndex required : wanted.required) {
            if (std::ranges::find(nodes, required) != nodes.end()) continue;
            if (!add(candidates_.pick([&](NodeIndex n) { return n == required && free_.usable(shape, n); })))
                return std::nullopt;
        }
        while (true) {
            if (nodes.size() >= static_cast<std::size_t>(wanted.even_nodes))
                if (auto placement = free_.find(shape, nodes)) return placement;
            if (!add(candidates_.pick([&](NodeIndex n) { return free_.usable(shape, n); })))
                return std::nullopt;
        }
    }

    int gpus_on(NodeIndex index, const std::string& type) const {
        int sum = 0;
        for (const auto& pool : d_.snapshot.nodes[index].gpus)
            if (type.empty() || pool.type == type) sum += pool.total;
        return sum;
    }

    void wish_for_spare() {
        for (const auto& [type, amount] : work_.rule().spare_gpus) {
            const int number = d_.shapes.gpu_types().find(type);
            const int ready = number < 0 ? 0 : free_.free_gpus(number);
            int missing = amount - ready;
            const std::string why = "spare: " + counted(amount, type.empty() ? "GPU" : type + " GPU") +
                                    " shall stand ready and " + std::to_string(std::max(0, ready)) +
                                    (ready == 1 ? " does" : " do");
            while (missing > 0 && grantable() > 0) {
                auto node = candidates_.pick([&](NodeIndex n) { return free_.free_gpus(n, number) > 0; });
                if (!node) break;
                missing -= free_.free_gpus(*node, number);
                wishes_.push_back({*node, why, std::nullopt});
                free_.add(*node);
            }
            if (missing > 0) unmet_gpus_[type] += missing;
        }
    }

    // What would be lent too if nothing but the idle nodes themselves set a limit.
    void imagine_without_bounds(const std::vector<Waiting>& unserved) {
        bounded_ = false;
        const int most = static_cast<int>(work_.land.lendable.size());
        for (auto [priority, shape, left, job] : unserved) {
            bool placed = true;
            while (placed && left > 0) {
                if (auto placement = free_.place(shape))
                    need(*placement);
                else
                    placed = wish_for(*job, shape);
                if (placed) --left;
            }
            if (left == 0) continue;
            const Shape& wanted = d_.shapes[shape];
            const int gpus = wanted.even.gpus * wanted.even_nodes;
            const int tasks = std::min(left, most * 8);
            if (gpus > 0 && wanted.even_nodes == 1)
                unmet_gpus_[wanted.request->gpu_type] += std::int64_t{gpus} * tasks;
            else
                unmet_nodes_ += static_cast<std::int64_t>(wanted.even_nodes) * tasks;
        }
    }

    void report_wanted() {
        std::int64_t wanted = static_cast<std::int64_t>(wishes_.size()) + unmet_nodes_;
        for (const auto& [type, gpus] : unmet_gpus_) {
            int a_node = 0;
            for (NodeIndex node : work_.land.lendable) a_node = std::max(a_node, gpus_on(node, type));
            if (a_node > 0) wanted += (gpus + a_node - 1) / a_node;
        }
        const auto most = static_cast<std::int64_t>(work_.land.lendable.size()) - lent_;
        work_.report.wanted = static_cast<int>(std::min(wanted, most));
    }

    // What keeps the rule from lending anything now, whatever is wanted.
    std::string held_by_time() const {
        const Time at = d_.snapshot.at;
        const RuleState& state = work_.state;
        if (state.held_home) return "held home by weir return";
        if (state.lend_after && *state.lend_after > at)
            return "backoff for another " + to_text(*state.lend_after - at);
        if (!d_.may_write(work_)) {
            const Duration left = *state.last_write + 2 * d_.snapshot.backfill_cycle - at;
            return "the reservation was just written; next change in " + to_text(left);
        }
        return {};
    }

    std::string why_held_back(const std::vector<Wish>& granted) const {
        if (work_.report.wanted == 0) return {};
        std::string by_time = held_by_time();
        if (!by_time.empty()) return by_time;
        if (work_.report.wanted <= static_cast<int>(granted.size())) return {};
        return why_bounded(granted);
    }

    std::string why_bounded(const std::vector<Wish>& granted) const {
        const auto count = static_cast<int>(granted.size());
        const std::string owner = work_.rule().from.front();
        const bool more_at_hand = wishes_.size() > granted.size();
        const bool at_max = work_.rule().max_lent && below_max_ <= spare_of_owner_;
        if (at_max && (more_at_hand || count >= below_max_))
            return "max_lent is " + std::to_string(*work_.rule().max_lent);
        if (work_.rule().keep_idle > 0 &&
            (more_at_hand || (candidates_.left() > 0 && count >= spare_of_owner_)))
            return owner + " keeps " + counted(work_.rule().keep_idle, "idle node");
        if (candidates_.kept_out() > 0)
            return counted(candidates_.kept_out(), "idle node") + " of " + owner +
                   " cannot be lent: partition " + candidates_.kept_out_by() +
                   " reaches them too and is not in also:";
        return "no idle node of " + owner + " that would help";
    }

    void lend(const std::vector<Wish>& granted) {
        for (const Wish& wish : granted) {
            Standing standing;
            standing.node = wish.node;
            standing.loan.rule = work_.rule().name;
            standing.loan.node = d_.snapshot.nodes[wish.node].name;
            standing.loan.from = owner_of(d_.snapshot, work_.land, wish.node);
            standing.loan.since = d_.snapshot.at;
            standing.loan.why = wish.why;
            standing.loan.for_job = wish.for_job;
            work_.loans.push_back(std::move(standing));
            d_.newly_lent[wish.node] = 1;
        }
        std::ranges::sort(work_.loans, {}, &Standing::node);
    }

    // Tells the watched job what is lent for it or what keeps Weir from lending.
    void tell(const std::vector<Wish>& granted) const {
        const Job* job = d_.snapshot.job(d_.watch->job);
        if (job == nullptr || std::ranges::find(work_.pending, job) == work_.pending.end()) return;
        if (!d_.watch->said.empty()) return;
        std::vector<std::string> names;
        for (const Wish& wish : granted)
            if (wish.for_job == job->id) names.push_back(d_.snapshot.nodes[wish.node].name);
        const std::string by_time = held_by_time();
        if (!names.empty())
            d_.say(*job, by_time.empty() ? "Weir lends " + listed(names) + " for it"
                                         : "Weir would lend " + listed(names) + " for it, but: " + by_time);
        else if (!by_time.empty())
            d_.say(*job, "Weir lends nothing now: " + by_time);
        else if (std::ranges::any_of(wishes_, [&](const Wish& wish) { return wish.for_job == job->id; }) ||
                 (work_.report.wanted > 0 && !nowhere_.contains(d_.shapes.of(*job))))
            d_.say(*job, "Weir may not lend enough for it now: " + why_bounded(granted));
        else
            d_.say(*job, "no idle node that Weir may lend would make room for it");
    }

    void count_free_at_hand() {
        for (const auto& [type, amount] : work_.rule().spare_gpus) {
            const int number = d_.shapes.gpu_types().find(type);
            for (NodeIndex node : at_hand_) ready_[type] += number < 0 ? 0 : free_.free_gpus(node, number);
        }
    }

    // Lent nodes that nobody has used for long and that nothing above needs go home.
    void return_surplus() {
        std::vector<Standing*> unused;
        for (Standing& standing : work_.loans) {
            const Loan& loan = standing.loan;
            if (loan.vacating || !loan.unused_since || needed_[standing.node] != 0) continue;
            if (d_.snapshot.at - *loan.unused_since >= work_.rule().idle_return) unused.push_back(&standing);
        }
        std::ranges::stable_sort(unused, {}, [](const Standing* s) { return *s->loan.unused_since; });
        for (Standing* standing : unused) {
            auto remains = [&](const auto& spare) {
                return ready_[spare.first] - gpus_on(standing->node, spare.first) >= spare.second ||
                       gpus_on(standing->node, spare.first) == 0;
            };
            if (!std::ranges::all_of(work_.rule().spare_gpus, remains)) continue;
            for (const auto& [type, amount] : work_.rule().spare_gpus)
                ready_[type] -= gpus_on(standing->node, type);
            const Duration unused_for = d_.snapshot.at - *standing->loan.unused_since;
            send_home(*standing, d_.snapshot.at, "nobody has used it for " + to_text(unused_for),
                      std::nullopt, true);
        }
    }

    Decision& d_;
    RuleWork& work_;
    Capacity free_;
    Candidates candidates_;
    std::vector<NodeIndex> at_hand_;  // own and lent nodes that take jobs
    NodeFlags needed_;                // nodes that waiting jobs are to use
    int lent_ = 0;
    int spare_of_owner_ = 0;  // nodes that the owner can do without
    int below_max_ = 0;
    bool bounded_ = true;
    std::vector<Wish> wishes_;
    std::set<ShapeId> nowhere_;                          // shapes that no candidate helps
    std::unordered_map<ShapeId, std::size_t> too_many_;  // wishes when the bounds last refused a shape
    std::map<std::string, int> ready_;                   // free GPUs at hand, by type of spare_gpus
    std::map<std::string, std::int64_t> unmet_gpus_;     // by type
    std::int64_t unmet_nodes_ = 0;
};

}  // namespace

void serve_demand(Decision& decision, RuleWork& work) {
    Demand(decision, work).run();
}

}  // namespace weir::policies
