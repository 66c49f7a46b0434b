// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/bench/fragmentation/placement.h"

#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace weir::bench {
namespace {

// Published figures rest on whole scores of 0 to 100, so that many nodes are as good.
constexpr double kBest = 100;

// Least of CPUs and GPUs left over, each in proportion to the largest node; the fullest GPU that suffices.
class BestFit : public Placement {
  public:
    BestFit(const Cluster& cluster, const TaskList& list) : cluster_(cluster), list_(list) {
        for (const Node& node : cluster.nodes()) {
            most_cpus_ = std::max(most_cpus_, static_cast<double>(node.cpus));
            most_gpus_ = std::max(most_gpus_, static_cast<double>(node.gpus) * kWholeGpu);
        }
    }

    std::optional<Hold> choose(std::size_t shape) override {
        const auto& [size, models, allowed] = list_.shapes[shape];
        std::optional<Hold> best;
        int best_score = -1;
        for (BinIndex node = 0; node < cluster_.nodes().size(); ++node) {
            if (allowed[node] == 0) continue;
            const auto hold = cluster_.packing().find(node, size);
            if (!hold) continue;
            const int score = rate(node, size);
            if (score <= best_score) continue;
            best_score = score;
            best = hold;
        }
        return best;
    }

  private:
    int rate(BinIndex node, const Size& size) const {
        std::int64_t free = 0;
        for (const auto& slot : cluster_.packing().slots(node)) free += slot.free;
        const double cpus = static_cast<double>(cluster_.packing().bin(node).cpus - size.cpus) / most_cpus_;
        const double gpus = static_cast<double>(free - size.gpu_thousandths()) / most_gpus_;
        return static_cast<int>((1 - 0.5 * cpus - 0.5 * gpus) * kBest);
    }

    const Cluster& cluster_;
    const TaskList& list_;
    double most_cpus_ = 0, most_gpus_ = 0;
};

// Fragmentation gradient descent: where what a typical task cannot use grows least.
class FragmentationGradient : public Placement {
  public:
    FragmentationGradient(const Cluster& cluster, const TaskList& list, const Workload& workload)
        : cluster_(cluster),
          list_(list),
          workload_(workload),
          unusable_(cluster.nodes().size()),
          rated_(list.shapes.size(), std::vector<Rating>(cluster.nodes().size())) {}

    std::optional<Hold> choose(std::size_t shape) override {
        const auto& [size, models, allowed] = list_.shapes[shape];
        std::optional<Hold> best;
        int best_score = -1;
        for (BinIndex node = 0; node < cluster_.nodes().size(); ++node) {
            if (allowed[node] == 0) continue;
            Rating& rating = rated_[shape][node];
            if (rating.changes != cluster_.changes(node)) rating = rate(node, size);
            if (rating.score <= best_score) continue;
            best_score = rating.score;
            best = Hold{node, rating.gpus};
        }
        return best;
    }

  private:
    static constexpr std::uint32_t kNever = ~std::uint32_t{0};

    // Of a node for a shape, as it was after so many changes; -1 where it does not fit.
    struct Rating {
        std::uint32_t changes = kNever;
        int score = -1;
        std::uint64_t gpus = 0;
    };
    struct Unusable {
        std::uint32_t changes = kNever;
        double thousandths = 0;
    };

    Rating rate(BinIndex node, const Size& size) {
        Rating rating{cluster_.changes(node), -1, 0};
        const auto fullest = cluster_.packing().find(node, size);
        if (!fullest) return rating;
        if (size.gpus != 1 || size.thousandths == kWholeGpu) {
            rating.gpus = fullest->gpus;
            rating.score = score(node, size, rating.gpus);
            return rating;
        }
        const auto slots = cluster_.packing().slots(node);
        for (std::size_t i = 0; i < slots.size(); ++i) {
            if (slots[i].free < size.thousandths) continue;
            const int here = score(node, size, std::uint64_t{1} << i);
            if (here <= rating.score) continue;
            rating.score = here;
            rating.gpus = std::uint64_t{1} << i;
        }
        return rating;
    }

    int score(BinIndex node, const Size& size, std::uint64_t gpus) {
        const auto slots = cluster_.packing().slots(node);
        const auto& model = cluster_.nodes()[node].model;
        const std::int64_t cpus = cluster_.packing().bin(node).cpus;
        Unusable& before = unusable_[node];
        if (before.changes != cluster_.changes(node))
            before = {cluster_.changes(node), workload_.unusable(cpus, slots, model)};
        std::array<Slot, kMostGpus> then;
        std::ranges::copy(slots, then.begin());
        for (std::size_t i = 0; i < slots.size(); ++i)
            if ((gpus >> i & 1U) != 0) then[i].free -= size.thousandths;
        const double after = workload_.unusable(cpus - size.cpus, std::span(then).first(slots.size()), model);
        const double gain = (before.thousandths - after) / kWholeGpu;
        return static_cast<int>(kBest / (1 + std::exp(-gain)));
    }

    const Cluster& cluster_;
    const TaskList& list_;
    const Workload& workload_;
    std::vector<Unusable> unusable_;
    std::vector<std::vector<Rating>> rated_;  // by shape and node
};

}  // namespace

std::unique_ptr<Placement> make_placement(const std::string& name, const Cluster& cluster,
                                          const TaskList& list, const Workload& workload) {
    if (name == "bestfit") return std::make_unique<BestFit>(cluster, list);
    if (name == "fgd") return std::make_unique<FragmentationGradient>(cluster, list, workload);
    throw std::runtime_error("no placement " + name + "; there are bestfit and fgd");
}

}  // namespace weir::bench
