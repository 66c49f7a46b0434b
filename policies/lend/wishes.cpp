// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/lend/wishes.h"

#include "policies/lend/words.h"

namespace weir::policies {
namespace {

constexpr std::size_t kNamedAsLacking = 64;  // more say nothing new

}  // namespace

int gpus_on(const Node& node, const std::string& type) {
    int sum = 0;
    for (const auto& pool : node.gpus)
        if (type.empty() || pool.type == type) sum += pool.total;
    return sum;
}

Wishes::Wishes(Decision& decision, RuleWork& work)
    : d_(decision),
      work_(work),
      free_(decision.snapshot, decision.shapes),
      candidates_(decision, work),
      needed_(decision.snapshot.nodes.size(), 0) {
    for (NodeIndex node : candidates_.all()) free_.open_empty(node);
    gather_at_hand();
    measure_bounds();
}

void Wishes::gather() {
    std::vector<Waiting> unserved;
    std::vector<Waiting> jobs = waiting();
    for (Waiting& entry : jobs) {
        work_.report.waiting_jobs += entry.count;
        entry.count = serve(entry);
        if (entry.count == 0) continue;
        unserved.push_back(entry);
        if (lacking_.size() < kNamedAsLacking) lacking_.push_back(entry.job->id);
    }
    count_free_at_hand();
    wish_for_spare();
    work_.report.borrower_free_gpus = free_.free_gpus(kAnyGpu);
    granted_ = wishes_;
    imagine_without_bounds(unserved);
    report_wanted();
}

// Own nodes first, then used ones, so that nodes nobody needs stay without a job and go home.
void Wishes::gather_at_hand() {
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

void Wishes::join(NodeIndex node) {
    free_.open_as_is(node);
    free_.add(node);
    at_hand_.push_back(node);
}

void Wishes::measure_bounds() {
    int idle = 0;
    for (NodeIndex node = 0; node < d_.snapshot.nodes.size(); ++node)
        if (work_.land.is_owners[node] != 0 && d_.idle_at_home(node) && d_.claimed[node] == 0) ++idle;
    spare_of_owner_ = std::max(0, idle - work_.rule().keep_idle);
    lent_ = static_cast<int>(
        std::ranges::count_if(work_.loans, [](const Standing& s) { return !s.loan.vacating; }));
    below_max_ = work_.rule().max_lent ? std::max(0, *work_.rule().max_lent - lent_) : candidates_.left();
}

// What wants a certain GPU type first: the rest takes what is left over.
std::vector<Waiting> Wishes::waiting() const {
    std::vector<Waiting> jobs = work_.waiting;
    std::ranges::stable_sort(jobs, [&](const Waiting& a, const Waiting& b) {
        const bool a_typed = d_.shapes[a.shape].gpu_type != kAnyGpu;
        const bool b_typed = d_.shapes[b.shape].gpu_type != kAnyGpu;
        return a_typed != b_typed ? a_typed : a.priority > b.priority;
    });
    return jobs;
}

// Places the job's tasks, on new nodes where need be; returns how many found no place.
int Wishes::serve(const Waiting& entry) {
    for (int left = entry.count; left > 0; --left) {
        if (auto placement = free_.place(entry.shape)) {
            need(*placement);
            if (left == entry.count) d_.say(*entry.job, "there is room for it now, so Slurm will start it");
        } else if (!wish_for(*entry.job, entry.shape)) {
            return left;
        }
    }
    return 0;
}

void Wishes::need(const Placement& placement) {
    for (const Take& take : placement) needed_[take.node] = 1;
}

// Adds the new nodes that let one task of the job start, all of them or none.
bool Wishes::wish_for(const Job& job, ShapeId shape) {
    if (nowhere_.contains(shape)) return false;
    if (bounded_ && grantable() <= 0) return false;
    const auto refused = too_many_.find(shape);
    if (bounded_ && refused != too_many_.end() && refused->second == wishes_.size()) return false;
    std::vector<NodeIndex> nodes = free_.usable(shape);
    std::vector<NodeIndex> picked;
    auto placement = complete(shape, nodes, picked);
    std::erase_if(picked, [&](NodeIndex node) {
        const bool used = placement && std::ranges::find(*placement, node, &Take::node) != placement->end();
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
std::optional<Placement> Wishes::complete(ShapeId shape, std::vector<NodeIndex>& nodes,
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
        if (!add(candidates_.pick([&](NodeIndex n) { return free_.usable(shape, n); }))) return std::nullopt;
    }
}

void Wishes::count_free_at_hand() {
    for (const auto& [type, amount] : work_.rule().spare_gpus) {
        const int number = d_.shapes.gpu_types().find(type);
        for (NodeIndex node : at_hand_) free_at_hand_[type] += number < 0 ? 0 : free_.free_gpus(node, number);
    }
}

void Wishes::wish_for_spare() {
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
void Wishes::imagine_without_bounds(const std::vector<Waiting>& unserved) {
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

void Wishes::report_wanted() {
    std::int64_t wanted = static_cast<std::int64_t>(wishes_.size()) + unmet_nodes_;
    for (const auto& [type, gpus] : unmet_gpus_) {
        int a_node = 0;
        for (NodeIndex node : work_.land.lendable)
            a_node = std::max(a_node, gpus_on(d_.snapshot.nodes[node], type));
        if (a_node > 0) wanted += (gpus + a_node - 1) / a_node;
    }
    const auto most = static_cast<std::int64_t>(work_.land.lendable.size()) - lent_;
    work_.report.wanted = static_cast<int>(std::min(wanted, most));
}

std::string Wishes::why_bounded() const {
    const auto count = static_cast<int>(granted_.size());
    const std::string owner = work_.rule().from.front();
    const bool more_at_hand = wishes_.size() > granted_.size();
    const bool at_max = work_.rule().max_lent && below_max_ <= spare_of_owner_;
    if (at_max && (more_at_hand || count >= below_max_))
        return "max_lent is " + std::to_string(*work_.rule().max_lent);
    if (work_.rule().keep_idle > 0 && (more_at_hand || (candidates_.left() > 0 && count >= spare_of_owner_)))
        return owner + " keeps " + counted(work_.rule().keep_idle, "idle node");
    if (candidates_.kept_out() > 0)
        return counted(candidates_.kept_out(), "idle node") + " of " + owner + " cannot be lent: partition " +
               candidates_.kept_out_by() + " reaches them too and is not in also:";
    return "no idle node of " + owner + " that would help";
}

}  // namespace weir::policies
