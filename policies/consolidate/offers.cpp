// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/consolidate/offers.h"

#include <algorithm>
#include <utility>

namespace weir::policies::consolidation {
namespace {

constexpr std::size_t kOffers = 64;  // for each bin that is wanted

// All that can be freed, by a bound on their prices: to list the ways of each would take long.
std::vector<Offer> sized_up(Board& board, const Goal& goal, std::int64_t below) {
    const Budget::Share share(board.budget, 2);
    std::vector<Offer> found;
    for (const Target& target : goal.targets) {
        if (board.budget.spent()) break;
        board.budget.take();
        const auto least = least_price(board.packing, target.bin, target.need);
        if (least && target.price + *least < below) found.push_back({&target, target.price + *least, {}});
    }
    std::ranges::stable_sort(found, {}, &Offer::least);
    return found;
}

// Where several bins are wanted, an item that sits in more than one of them is paid for once.
std::int64_t least_of(const std::vector<Eviction>& ways, const Packing& packing, int bins) {
    std::int64_t least = ways.front().price;
    if (bins == 1) return least;
    for (const Eviction& way : ways) {
        std::int64_t price = 0;
        for (const ItemIndex index : way.items) {
            const Item& item = packing.item(index);
            price += item.price / std::min<std::int64_t>(std::ssize(item.at), bins);
        }
        least = std::min(least, price);
    }
    return least;
}

}  // namespace

std::vector<Offer> offers(Board& board, const Goal& goal, const Limits& limits) {
    std::vector<Offer> all = sized_up(board, goal, limits.below);
    const Budget::Share share(board.budget, 2);
    const std::size_t most = kOffers * static_cast<std::size_t>(std::max(goal.bins, 1));
    std::vector<Offer> kept;
    for (Offer& offer : all) {
        if (kept.size() == most || board.budget.spent()) break;
        const Target& target = *offer.target;
        offer.ways = evictions(board, target.bin, target.need, limits.below - target.price, limits.moves);
        if (offer.ways.empty()) continue;
        offer.least = target.price + least_of(offer.ways, board.packing, goal.bins);
        kept.push_back(std::move(offer));
    }
    std::ranges::stable_sort(kept, {}, &Offer::least);
    return kept;
}

}  // namespace weir::policies::consolidation
