// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/consolidate/greedy.h"

#include <algorithm>
#include <tuple>

using namespace weir::policies::consolidation;

namespace weir::test {
namespace {

class Greedy {
  public:
    explicit Greedy(const Instance& instance) : instance_(instance), packing_(instance.packing) {}

    std::optional<std::int64_t> price() {
        for (int i = 0; i < instance_.goal.bins; ++i)
            if (!free_cheapest()) return std::nullopt;
        std::ranges::stable_sort(homeless_, std::greater{},
                                 [&](ItemIndex item) { return packing_.item(item).size.gpu_thousandths(); });
        for (const ItemIndex item : homeless_)
            if (!place(packing_.item(item))) return std::nullopt;
        return price_;
    }

  private:
    struct Way {
        const Target* target = nullptr;
        std::vector<ItemIndex> items;
        std::int64_t price = 0;
    };

    bool free_cheapest() {
        std::optional<Way> best;
        for (const Target& target : instance_.goal.targets) {
            if (std::ranges::find(chosen_, target.bin) != chosen_.end()) continue;
            auto way = empty(target);
            if (way && (!best || way->price < best->price)) best = std::move(way);
        }
        if (!best) return false;
        chosen_.push_back(best->target->bin);
        for (const ItemIndex item : best->items) packing_.lift(item);
        homeless_.insert(homeless_.end(), best->items.begin(), best->items.end());
        price_ += best->price;
        return true;
    }

    // Lifts the cheapest items until the need fits, and puts them back.
    std::optional<Way> empty(const Target& target) {
        std::vector<ItemIndex> there = packing_.bin(target.bin).items;
        std::erase_if(there, [&](ItemIndex item) { return !packing_.item(item).movable; });
        std::ranges::stable_sort(there, {}, [&](ItemIndex item) { return packing_.item(item).price; });
        Way way{&target, {}, target.price};
        for (const ItemIndex item : there) {
            if (packing_.find(target.bin, target.need)) break;
            packing_.lift(item);
            way.items.push_back(item);
            way.price += packing_.item(item).price;
        }
        const bool fits = packing_.find(target.bin, target.need).has_value();
        for (const ItemIndex item : way.items) packing_.drop(item);
        return fits ? std::optional(way) : std::nullopt;
    }

    bool place(const Item& item) {
        std::vector<BinIndex> fit;
        for (BinIndex bin = 0; bin < packing_.bins(); ++bin) {
            const bool allowed =
                packing_.bin(bin).open && (item.allowed == nullptr || (*item.allowed)[bin] != 0);
            if (allowed && std::ranges::find(chosen_, bin) == chosen_.end() && packing_.find(bin, item.size))
                fit.push_back(bin);
        }
        if (fit.size() < item.at.size()) return false;
        std::ranges::stable_sort(fit, {}, [&](BinIndex bin) {
            return std::tuple(item.hold * packing_.bin(bin).free_at_first, packing_.bin(bin).whole);
        });
        fit.resize(item.at.size());
        for (const BinIndex bin : fit) {
            packing_.take(*packing_.find(bin, item.size), item.size);
            if (std::ranges::find(item.at, bin, &Hold::bin) == item.at.end())
                price_ += item.hold * packing_.bin(bin).free_at_first;
        }
        return true;
    }

    const Instance& instance_;
    Packing packing_;
    std::vector<BinIndex> chosen_;
    std::vector<ItemIndex> homeless_;
    std::int64_t price_ = 0;
};

}  // namespace

std::optional<std::int64_t> greedy_price(const Instance& instance) {
    return Greedy(instance).price();
}

}  // namespace weir::test
