// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/fragmentation/replay.h"

#include <fmt/core.h>

#include <stdexcept>

#include "tests/bench/fragmentation/arrivals.h"
#include "tests/bench/fragmentation/placement.h"
#include "tests/bench/fragmentation/workload.h"

namespace weir::bench {
namespace {

class Replay {
  public:
    Replay(const Trace& trace, const TaskList& list, const Arm& arm, const Rules& rules, Record* record)
        : trace_(trace),
          list_(list),
          arm_(arm),
          record_(record),
          workload_(list),
          cluster_(trace.nodes),
          placement_(make_placement(arm.placement, cluster_, list, workload_)),
          consolidation_(cluster_, list, rules) {}

    Outcome run(unsigned seed) {
        outcome_.seed = seed;
        for (const Arrival& arrival : arrivals(list_, trace_.gpu_thousandths(), seed, arm_.movable))
            arrive(arrival);
        const auto whole = static_cast<double>(trace_.gpu_thousandths());
        outcome_.allocated_pct = 100 - 100 * static_cast<double>(cluster_.free_gpu_thousandths()) / whole;
        double unusable = 0;
        for (BinIndex node = 0; node < trace_.nodes.size(); ++node)
            unusable += workload_.unusable(cluster_.packing().bin(node).cpus, cluster_.packing().slots(node),
                                           trace_.nodes[node].model);
        outcome_.fragmented_pct = 100 * unusable / whole;
        return outcome_;
    }

  private:
    void arrive(const Arrival& arrival) {
        const std::size_t sequence = outcome_.arrived++;
        const Task& task = list_.tasks[arrival.task];
        if (record_ != nullptr) record_->arrived(sequence, task.name, arrival.movable);
        auto hold = placement_->choose(task.shape);
        if (!hold && arm_.movable > 0 && make_room(task.shape)) {
            hold = placement_->choose(task.shape);
            if (!hold) throw std::logic_error("a task does not fit where room was made for it");
        }
        if (!hold) {
            if (record_ != nullptr) record_->dropped(sequence);
            return;
        }
        if (record_ != nullptr) record_->placed(sequence, *hold, list_.size_of(task));
        cluster_.place(consolidation_.item(task.shape, *hold, arrival.movable));
        sequence_of_.push_back(sequence);
        ++outcome_.placed;
    }

    bool make_room(std::size_t shape) {
        const auto solution = consolidation_.make_room(shape, outcome_.arrived);
        if (!solution) return false;
        for (const auto& move : solution->moves) {
            const Item& item = cluster_.packing().item(move.item);
            if (record_ != nullptr)
                record_->moved(sequence_of_[move.item], item.at.front(), move.to.front(), item.size);
        }
        cluster_.carry_out(*solution);
        consolidation_.count(solution->moves.size());
        outcome_.moves += solution->moves.size();
        return true;
    }

    const Trace& trace_;
    const TaskList& list_;
    const Arm& arm_;
    Record* record_;
    Workload workload_;
    Cluster cluster_;
    std::unique_ptr<Placement> placement_;
    Consolidation consolidation_;
    std::vector<std::size_t> sequence_of_;  // by item
    Outcome outcome_;
};

}  // namespace

std::string Arm::name() const {
    return movable == 0 ? placement : fmt::format("{}+{}", placement, movable);
}

Outcome replay(const Trace& trace, const TaskList& list, const Arm& arm, unsigned seed, const Rules& rules,
               Record* record) {
    return Replay(trace, list, arm, rules, record).run(seed);
}

}  // namespace weir::bench
