// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/consolidate/search.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "policies/consolidate/evictions.h"
#include "policies/consolidate/offers.h"
#include "policies/consolidate/order.h"
#include "policies/consolidate/places.h"

namespace weir::policies::consolidation {
namespace {

constexpr std::size_t kChains = 32;      // bins and ways to make room there that are tried for one item
constexpr std::size_t kChainWays = 8;    // of one bin
constexpr std::int64_t kPlacing = 1000;  // steps for the places of one set of items at the least

// Items make room in a bin for another.
struct Chain {
    BinIndex bin = 0;
    Eviction way;
};

bool cheaper(const Chain& a, const Chain& b) {
    return std::pair(a.way.price, a.way.items.size()) < std::pair(b.way.price, b.way.items.size());
}

// Branch and bound: choose bins and the items that leave them, then a place for each of these, where others
// may have to make room for it in turn. A chain of so many comes only once all shorter ones have been tried.
class Search {
  public:
    Search(Packing& packing, const Goal& goal, const Limits& limits)
        : packing_(packing),
          goal_(goal),
          limits_(limits),
          board_(packing, limits.steps),
          offers_(offers(board_, goal, limits)),
          best_price_(limits.below) {}

    std::optional<Solution> run() {
        longer_ = true;
        for (chain_ = 0; chain_ <= limits_.chain && longer_; ++chain_) {
            const Budget::Share share(board_.budget, chain_ == limits_.chain ? 1 : 2);
            longer_ = false;
            choose(0, goal_.bins, 0);
        }
        return std::move(best_);
    }

  private:
    // An item that has left its bins, and how many were pushed one by another before it.
    struct Homeless {
        ItemIndex item = 0;
        int depth = 0;
    };

    bool spent() const { return board_.budget.spent(); }

    // Takes `left` more offers from position `from` on.
    void choose(std::size_t from, int left, std::int64_t price) {
        if (left == 0) {
            const Budget::Share share(board_.budget, 8, kPlacing);  // other bins shall have their turn
            place_all(price);
            return;
        }
        for (std::size_t i = from; i + static_cast<std::size_t>(left) <= offers_.size() && !spent(); ++i) {
            std::int64_t rest = 0;  // costs at least what the next cheapest do
            for (std::size_t k = i + 1; k < i + static_cast<std::size_t>(left); ++k) rest += offers_[k].least;
            if (price + offers_[i].least + rest >= best_price_) return;
            const Target& target = *offers_[i].target;
            for (const Eviction& way : ways_of(offers_[i])) {
                const std::int64_t sum = price + target.price + way.price;
                if (sum + rest >= best_price_ || spent()) break;
                board_.budget.take();
                chosen_.push_back(target.bin);
                board_.closed[target.bin] = 1;
                evict(way, 0);
                choose(i + 1, left - 1, sum);
                readmit(way);
                board_.closed[target.bin] = 0;
                chosen_.pop_back();
            }
        }
    }

    // Items that left another bin may have left this one with it.
    std::vector<Eviction> ways_of(const Offer& offer) {
        const Target& target = *offer.target;
        const bool changed = std::ranges::any_of(homeless_, [&](const Homeless& one) {
            return std::ranges::find(packing_.item(one.item).at, target.bin, &Hold::bin) !=
                   packing_.item(one.item).at.end();
        });
        if (!changed) return offer.ways;
        return evictions(board_, target.bin, target.need, best_price_ - target.price, limits_.moves);
    }

    void evict(const Eviction& way, int depth) {
        for (const ItemIndex item : way.items) {
            packing_.lift(item);
            homeless_.push_back({item, depth});
        }
    }

    void readmit(const Eviction& way) {
        for (const ItemIndex item : way.items) {
            std::erase_if(homeless_, [&](const Homeless& one) { return one.item == item; });
            packing_.drop(item);
        }
    }

    // Finds a place for every homeless item; `price` counts them and those that have one already.
    void place_all(std::int64_t price) {
        if (price >= best_price_ || spent()) return;
        if (homeless_.size() + placed_.size() > static_cast<std::size_t>(limits_.moves)) return;
        if (homeless_.empty()) {
            finish(price);
            return;
        }
        // What is hardest to place comes first.
        const auto next = std::ranges::max_element(homeless_, {}, [&](const Homeless& one) {
            const Item& item = packing_.item(one.item);
            return std::tuple(item.at.size(), item.size.gpu_thousandths(), item.size.cpus, item.size.memory,
                              one.item);
        });
        const Homeless one = *next;
        homeless_.erase(next);
        for (const Place& to : places(board_, packing_.item(one.item))) {
            if (spent()) break;
            put(one.item, to, price);
        }
        if (packing_.item(one.item).at.size() == 1) push(one, price);
        homeless_.push_back(one);
    }

    void put(ItemIndex index, const Place& to, std::int64_t price) {
        const Item& item = packing_.item(index);
        for (const Hold& hold : to) packing_.take(hold, item.size);
        placed_.push_back({index, to, 0});
        place_all(price + price_to(packing_, item, to) - item.price);
        placed_.pop_back();
        for (const Hold& hold : to) packing_.give(hold, item.size);
    }

    // Puts an item where others have to make room for it.
    void push(const Homeless& one, std::int64_t price) {
        if (one.depth == chain_) {
            longer_ = true;
            return;
        }
        const Item& item = packing_.item(one.item);
        for (const Chain& chain : chains(item, best_price_ - price)) {
            if (price + chain.way.price >= best_price_ || spent()) break;
            evict(chain.way, one.depth + 1);
            if (const auto hold = packing_.find(chain.bin, item.size))
                put(one.item, {*hold}, price + chain.way.price);
            readmit(chain.way);
        }
    }

    std::vector<Chain> chains(const Item& item, std::int64_t below) {
        const int moves = limits_.moves - static_cast<int>(homeless_.size() + placed_.size()) - 1;
        std::vector<Chain> found;
        for (const BinIndex bin : crowded_places(board_, item)) {
            if (spent()) break;
            std::size_t ways = 0;
            for (Eviction& way : evictions(board_, bin, item.size, below, moves))
                if (!way.items.empty() && ++ways <= kChainWays) found.push_back({bin, std::move(way)});
        }
        std::ranges::stable_sort(found, cheaper);
        if (found.size() > kChains) found.resize(kChains);
        return found;
    }

    // All have a place: a better solution, if the moves can be made one after the other.
    void finish(std::int64_t price) {
        std::vector<Relocation> moves = placed_;
        for (const Relocation& move : placed_)
            for (const Hold& hold : move.to) packing_.give(hold, packing_.item(move.item).size);
        for (const Relocation& move : placed_) packing_.drop(move.item);
        const bool possible = put_in_order(board_, moves);
        for (const Relocation& move : placed_) packing_.lift(move.item);
        for (const Relocation& move : placed_)
            for (const Hold& hold : move.to) packing_.take(hold, packing_.item(move.item).size);
        if (!possible) return;
        best_price_ = price;
        best_ = Solution{chosen_, std::move(moves), price};
        std::ranges::sort(best_->bins);
    }

    Packing& packing_;
    const Goal& goal_;
    const Limits& limits_;
    Board board_;
    std::vector<Offer> offers_;  // cheapest first
    int chain_ = 0;              // how long one may be
    bool longer_ = false;        // a longer one might help
    std::vector<BinIndex> chosen_;
    std::vector<Homeless> homeless_;
    std::vector<Relocation> placed_;
    std::int64_t best_price_;
    std::optional<Solution> best_;
};

}  // namespace

std::optional<Solution> cheapest(Packing& packing, const Goal& goal, const Limits& limits) {
    return Search(packing, goal, limits).run();
}

void carry_out(Packing& packing, const Solution& solution) {
    for (const Relocation& move : solution.moves) {
        packing.lift(move.item);
        packing.item(move.item).at = move.to;
        packing.drop(move.item);
    }
}

}  // namespace weir::policies::consolidation
