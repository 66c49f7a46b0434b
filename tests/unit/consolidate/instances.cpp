// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/consolidate/instances.h"

#include <random>

using namespace weir::policies::consolidation;

namespace weir::test {
namespace {

constexpr int kCpusPerGpu = 8;
constexpr int kMemoryPerGpu = 64;

class Generator {
  public:
    explicit Generator(unsigned seed) : random_(seed) {}

    Instance make() {
        draw_traits();
        add_bins();
        add_items();
        set_goal();
        return std::move(made_);
    }

  private:
    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
    int between(int low, int high) { return low + below(high - low + 1); }
    bool chance(int percent) { return below(100) < percent; }

    // What the items of one instance have in common.
    void draw_traits() {
        made_.shares = chance(10);
        gpus_per_bin_ = made_.shares || chance(70) ? 4 : 8;
        two_types_ = chance(35);
        tight_ = chance(15);
        bound_ = chance(50);
        holds_ = chance(25);
        several_ = chance(15);
        full_percent_ = between(45, 75);
        items_ = made_.shares ? 11 : 14;
    }

    void add_bins() {
        const int count = made_.shares ? 4 : gpus_per_bin_ == 8 ? between(4, 6) : between(5, 7);
        for (int i = 0; i < count; ++i) {
            const int type = two_types_ ? below(2) : 0;
            const int others = two_types_ && chance(15) ? gpus_per_bin_ / 2 : 0;
            std::vector<Slot> slots(static_cast<std::size_t>(gpus_per_bin_), Slot{type, kWholeGpu});
            for (int k = 0; k < others; ++k) slots[static_cast<std::size_t>(k)].type = 1 - type;
            made_.packing.add_bin(std::int64_t{gpus_per_bin_} * kCpusPerGpu,
                                  std::int64_t{gpus_per_bin_} * kMemoryPerGpu, slots, i / 4, !chance(5));
        }
    }

    void add_items() {
        const auto bins = static_cast<int>(made_.packing.bins());
        const int most = 4 * bins;
        made_.allowed.reserve(static_cast<std::size_t>(most));
        const std::int64_t wanted = std::int64_t{bins} * gpus_per_bin_ * kWholeGpu * full_percent_ / 100;
        std::int64_t used = 0;
        for (int tries = 0; tries < most && used < wanted && items_ > made_.packing.items(); ++tries) {
            Item item;
            item.size = size();
            const int parts = several_ && chance(20) ? 2 : 1;
            for (int first = tries < bins ? tries : below(bins), k = 0;
                 k < bins && std::ssize(item.at) < parts; ++k)
                if (auto hold = made_.packing.find(static_cast<BinIndex>((first + k) % bins), item.size))
                    item.at.push_back(*hold);
            if (std::ssize(item.at) < parts) continue;
            for (const Hold& hold : item.at) made_.packing.take(hold, item.size);
            used += item.size.gpu_thousandths() * parts;
            describe(item);
            made_.packing.add_item(std::move(item));
        }
    }

    Size size() {
        Size size;
        if (chance(8)) {  // CPUs alone
            size.cpus = between(1, 2 * kCpusPerGpu);
            size.memory = between(1, 2 * kMemoryPerGpu);
            return size;
        }
        constexpr int kGpus[] = {1, 1, 1, 2, 2, 2, 4};
        size.gpus = kGpus[below(7)];
        if (gpus_per_bin_ == 8 && chance(50)) size.gpus *= 2;
        if (made_.shares && chance(40)) {
            size.gpus = 1;
            size.thousandths = 250 * between(1, 3);
        }
        if (two_types_ && chance(50)) size.gpu_type = below(2);
        size.cpus = std::int64_t{size.gpus} * (tight_ ? between(2, 12) : between(2, kCpusPerGpu));
        size.memory = std::int64_t{size.gpus} * (tight_ ? between(16, 96) : between(16, kMemoryPerGpu));
        return size;
    }

    void describe(Item& item) {
        item.movable = chance(88);
        item.price = chance(10) ? 0
                                : std::int64_t{std::max(1, item.size.gpus)} *
                                      (chance(50) ? between(5, 20) : between(50, 200));
        if (holds_) item.hold = between(0, 30);
        if (!bound_ || !chance(40)) return;
        BinFlags& allowed = made_.allowed.emplace_back(made_.packing.bins(), 0);
        for (char& flag : allowed) flag = chance(60) ? 1 : 0;
        item.allowed = &allowed;
    }

    void set_goal() {
        const bool whole = chance(50);
        made_.goal.bins = whole && chance(35) ? 2 : 1;
        Size need;
        need.gpus = whole ? gpus_per_bin_ : between(std::min(most_free() + 1, gpus_per_bin_), gpus_per_bin_);
        need.cpus = std::int64_t{need.gpus} * (whole ? kCpusPerGpu : between(2, kCpusPerGpu));
        need.memory = std::int64_t{need.gpus} * (whole ? kMemoryPerGpu : between(16, kMemoryPerGpu));
        if (two_types_ && chance(30)) need.gpu_type = below(2);
        const bool some = chance(30), priced = chance(40);
        for (BinIndex bin = 0; bin < made_.packing.bins(); ++bin)
            if (!some || chance(60)) made_.goal.targets.push_back({bin, need, priced ? between(0, 100) : 0});
        made_.limits.below = 1'000'000;
    }

    int most_free() const {
        int most = 0;
        for (BinIndex bin = 0; bin < made_.packing.bins(); ++bin)
            most = std::max(most, made_.packing.bin(bin).whole);
        return most;
    }

    std::mt19937 random_;
    Instance made_;
    int gpus_per_bin_ = 0;
    bool two_types_ = false;
    bool tight_ = false;    // CPUs or memory may run out before GPUs do
    bool bound_ = false;    // some items may go to certain bins only
    bool holds_ = false;    // GPUs kept free for an item on its way cost something
    bool several_ = false;  // some items sit in two bins
    int full_percent_ = 0;
    std::size_t items_ = 0;  // at most
};

}  // namespace

Instance small_instance(unsigned seed) {
    return Generator(seed).make();
}

}  // namespace weir::test
