// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/consolidate/evictions.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

namespace weir::policies::consolidation {
namespace {

constexpr std::size_t kWays = 24;          // returned at most,
constexpr std::size_t kFound = 4 * kWays;  // of these
constexpr std::size_t kItems = 16;         // of one bin that are tried together

// CPUs, memory, thousandths of GPUs.
using Amounts = std::array<std::int64_t, 3>;

bool suits(const Slot& slot, const Size& need) {
    return need.gpu_type == kAnyType || slot.type == need.gpu_type;
}

// What a bin lacks; nothing where the need fits.
Amounts lack_of(const Packing& packing, BinIndex index, const Size& need) {
    const auto& bin = packing.bin(index);
    Amounts lack{std::max<std::int64_t>(need.cpus - bin.cpus, 0),
                 std::max<std::int64_t>(need.memory - bin.memory, 0), 0};
    Size gpus = need;
    gpus.cpus = gpus.memory = 0;
    if (need.gpus == 0 || packing.find(index, gpus)) return lack;
    std::int64_t free = 0;
    for (const Slot& slot : packing.slots(index))
        if (suits(slot, need)) free += slot.free;
    lack[2] = std::max<std::int64_t>(need.gpu_thousandths() - free, 1);  // or enough, but in pieces
    return lack;
}

const Hold& hold_in(const Item& item, BinIndex bin) {
    return *std::ranges::find(item.at, bin, &Hold::bin);
}

// What an item would give back that suits.
Amounts gain_of(const Packing& packing, const Item& item, BinIndex bin, const Size& need) {
    Amounts gain{item.size.cpus, item.size.memory, item.size.gpu_thousandths()};
    if (need.gpu_type == kAnyType) return gain;
    const auto slots = packing.slots(bin);
    gain[2] = 0;
    for (std::uint64_t gpus = hold_in(item, bin).gpus; gpus != 0; gpus &= gpus - 1)
        if (suits(slots[static_cast<std::size_t>(std::countr_zero(gpus))], need))
            gain[2] += item.size.thousandths;
    return gain;
}

// An item of a bin, and what it would bring.
struct Candidate {
    ItemIndex item = 0;
    std::int64_t price = 0;
    Amounts gain{};
};

// Whose gain is of use.
std::vector<Candidate> candidates(const Packing& packing, BinIndex bin, const Size& need,
                                  const Amounts& lack) {
    std::vector<Candidate> found;
    for (const ItemIndex index : packing.bin(bin).items) {
        const Item& item = packing.item(index);
        if (!item.movable) continue;
        const Amounts gain = gain_of(packing, item, bin, need);
        bool useful = false;
        for (std::size_t i = 0; i < lack.size(); ++i) useful |= lack[i] > 0 && gain[i] > 0;
        if (useful) found.push_back({index, item.price, gain});
    }
    return found;
}

// The price of so much if items could be moved in part; absent if all of them do not have it.
std::optional<double> price_in_parts(std::vector<Candidate>& items, std::size_t kind, std::int64_t lack) {
    std::ranges::sort(items, {}, [&](const Candidate& one) {
        return one.gain[kind] > 0 ? static_cast<double>(one.price) / static_cast<double>(one.gain[kind])
                                  : std::numeric_limits<double>::infinity();
    });
    double price = 0;
    for (const Candidate& one : items) {
        const std::int64_t gain = one.gain[kind];
        if (gain == 0) break;
        price += static_cast<double>(one.price) * static_cast<double>(std::min(gain, lack)) /
                 static_cast<double>(gain);
        lack -= std::min(gain, lack);
        if (lack == 0) return price;
    }
    return std::nullopt;
}

// The search for the ways to free one bin. It gives items' room in that bin back and takes it again.
class Ways {
  public:
    Ways(Board& board, BinIndex bin, const Size& need, std::int64_t below, int moves)
        : board_(board),
          packing_(board.packing),
          bin_(bin),
          need_(need),
          below_(below),
          moves_(static_cast<std::size_t>(std::max(moves, 0))) {}

    std::vector<Eviction> find() {
        const Amounts lack = lack_of(packing_, bin_, need_);
        items_ = candidates(packing_, bin_, need_, lack);
        if (items_.size() > kItems) keep_most_useful(lack);
        std::ranges::sort(items_, {}, [](const Candidate& one) { return std::pair(one.price, one.item); });
        extend(0, 0);
        std::ranges::stable_sort(found_, {},
                                 [](const Eviction& way) { return std::pair(way.price, way.items.size()); });
        if (found_.size() > kWays) found_.resize(kWays);
        return std::move(found_);
    }

  private:
    bool fits() const { return packing_.find(bin_, need_).has_value(); }
    void give(ItemIndex item) { packing_.give(hold_in(packing_.item(item), bin_), packing_.item(item).size); }
    void take(ItemIndex item) { packing_.take(hold_in(packing_.item(item), bin_), packing_.item(item).size); }

    // Too many to try all sets of them: those that give most for their price, and as many as it takes.
    void keep_most_useful(const Amounts& lack) {
        std::ranges::stable_sort(items_, {}, [&](const Candidate& one) {
            double use = 0;
            for (std::size_t i = 0; i < lack.size(); ++i)
                if (lack[i] > 0)
                    use += static_cast<double>(std::min(one.gain[i], lack[i])) / static_cast<double>(lack[i]);
            return static_cast<double>(one.price) / use;
        });
        std::size_t count = 0;
        while (count < items_.size() && (count < kItems || !fits())) give(items_[count++].item);
        for (std::size_t i = 0; i < count; ++i) take(items_[i].item);
        items_.resize(count);
    }

    // Adds the sets that contain `chosen` and further items from position `from` on.
    void extend(std::size_t from, std::int64_t price) {
        if (price >= below_) return;
        if (fits()) {
            if (none_in_vain()) found_.push_back({chosen_, price});
            return;
        }
        if (chosen_.size() == moves_) return;
        for (std::size_t i = from; i < items_.size(); ++i) {
            if (found_.size() >= kFound || board_.budget.spent()) return;
            board_.budget.take();
            give(items_[i].item);
            chosen_.push_back(items_[i].item);
            extend(i + 1, price + items_[i].price);
            chosen_.pop_back();
            take(items_[i].item);
        }
    }

    // The last one is not: it would have fitted before.
    bool none_in_vain() {
        for (std::size_t i = 0; i + 1 < chosen_.size(); ++i) {
            take(chosen_[i]);
            const bool enough = fits();
            give(chosen_[i]);
            if (enough) return false;
        }
        return true;
    }

    Board& board_;
    Packing& packing_;
    BinIndex bin_;
    const Size& need_;
    std::int64_t below_;
    std::size_t moves_;
    std::vector<Candidate> items_;
    std::vector<ItemIndex> chosen_;
    std::vector<Eviction> found_;
};

}  // namespace

std::optional<std::int64_t> least_price(const Packing& packing, BinIndex bin, const Size& need) {
    const Amounts lack = lack_of(packing, bin, need);
    std::vector<Candidate> items = candidates(packing, bin, need, lack);
    double least = 0;
    for (std::size_t kind = 0; kind < lack.size(); ++kind) {
        if (lack[kind] == 0) continue;
        const auto price = price_in_parts(items, kind, lack[kind]);
        if (!price) return std::nullopt;
        least = std::max(least, *price);
    }
    // Not more than it is, however the sum was rounded.
    return static_cast<std::int64_t>(std::ceil(least * (1 - 1e-9)));
}

std::vector<Eviction> evictions(Board& board, BinIndex bin, const Size& need, std::int64_t below, int moves) {
    board.budget.take();
    return Ways(board, bin, need, below, moves).find();
}

}  // namespace weir::policies::consolidation
