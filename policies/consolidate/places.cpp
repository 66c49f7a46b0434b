// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/consolidate/places.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace weir::policies::consolidation {
namespace {

constexpr std::size_t kPlaces = 8;    // returned
constexpr std::size_t kFits = 48;     // bins of one count of free GPUs that are compared
constexpr std::size_t kCrowded = 48;  // bins in which others might make room

bool was_in(const Item& item, BinIndex bin) {
    return std::ranges::find(item.at, bin, &Hold::bin) != item.at.end();
}

int whole_gpus(const Size& size) {
    return size.thousandths == kWholeGpu ? size.gpus : 0;
}

// The price of a bin, and what would stay free beside the item: the tightest place comes first.
auto rank(const Packing& packing, const Item& item, const Hold& hold) {
    const auto& bin = packing.bin(hold.bin);
    std::int64_t free = 0;
    for (const Slot& slot : packing.slots(hold.bin)) free += slot.free;
    const bool stays = was_in(item, hold.bin);
    return std::tuple(!stays, stays ? 0 : item.hold * bin.free_at_first, free, bin.cpus, bin.memory,
                      hold.bin);
}

void sort_by_rank(const Packing& packing, const Item& item, std::vector<Hold>& holds) {
    std::ranges::sort(holds, {}, [&](const Hold& hold) { return rank(packing, item, hold); });
}

// Bins in which an item fits, up to `most`, of so many wholly free GPUs.
void add_fits(Board& board, const Item& item, int gpus, std::size_t most, std::vector<Hold>& fits) {
    for (const BinIndex bin : board.packing.with_whole(gpus)) {
        if (board.budget.spent() || fits.size() >= most) return;
        board.budget.take();
        if (!board.may_go(item, bin) || (item.at.size() == 1 && was_in(item, bin))) continue;
        if (const auto hold = board.packing.find(bin, item.size)) fits.push_back(*hold);
    }
}

// Empty bins of the same make.
bool alike(const Packing& packing, BinIndex a, BinIndex b) {
    const auto& one = packing.bin(a);
    const auto& other = packing.bin(b);
    return one.items.empty() && other.items.empty() && one.cpus == other.cpus && one.memory == other.memory &&
           one.group == other.group && one.free_at_first == other.free_at_first &&
           std::ranges::equal(packing.slots(a), packing.slots(b));
}

std::vector<Place> single_places(Board& board, const Item& item) {
    const Packing& packing = board.packing;
    std::vector<Place> found;
    for (int gpus = whole_gpus(item.size); gpus <= packing.most_whole() && found.size() < kPlaces; ++gpus) {
        std::vector<Hold> fits;
        add_fits(board, item, gpus, kFits, fits);
        sort_by_rank(packing, item, fits);
        for (const Hold& hold : fits) {
            if (found.size() == kPlaces) break;
            if (std::ranges::none_of(
                    found, [&](const Place& other) { return alike(packing, other.front().bin, hold.bin); }))
                found.push_back({hold});
        }
    }
    return found;
}

// The group that an item has to stay in, if any.
int group_of(const Packing& packing, const Item& item) {
    const int group = packing.bin(item.at.front().bin).group;
    const bool one =
        std::ranges::all_of(item.at, [&](const Hold& hold) { return packing.bin(hold.bin).group == group; });
    return item.together && one ? group : -1;
}

// The first of the fits, with one after the other as the last.
void combine(const Item& item, const std::vector<Hold>& fits, std::vector<Place>& found) {
    const std::size_t others = item.at.size() - 1;
    for (std::size_t last = others; last < fits.size() && found.size() < kPlaces; ++last) {
        Place place(fits.begin(), fits.begin() + static_cast<std::ptrdiff_t>(others));
        place.push_back(fits[last]);
        // All where they were would be no move.
        if (std::ranges::all_of(place, [&](const Hold& hold) { return was_in(item, hold.bin); })) continue;
        std::ranges::sort(place, {}, &Hold::bin);
        found.push_back(std::move(place));
    }
}

// Places for an item of several bins: in those where it is already, then in the tightest.
std::vector<Place> joint_places(Board& board, const Item& item) {
    const Packing& packing = board.packing;
    std::vector<Hold> fits;
    for (int gpus = whole_gpus(item.size); gpus <= packing.most_whole(); ++gpus)
        add_fits(board, item, gpus, packing.bins(), fits);
    sort_by_rank(packing, item, fits);
    std::vector<Place> found;
    if (group_of(packing, item) < 0) {
        combine(item, fits, found);
        return found;
    }
    std::vector<int> groups;  // in the order of their best bins
    std::map<int, std::vector<Hold>> by_group;
    for (const Hold& hold : fits) {
        const int group = packing.bin(hold.bin).group;
        auto& members = by_group[group];
        if (members.empty() && group >= 0) groups.push_back(group);
        members.push_back(hold);
    }
    for (const int group : groups) combine(item, by_group[group], found);
    return found;
}

}  // namespace

std::int64_t price_to(const Packing& packing, const Item& item, const Place& to) {
    std::int64_t price = item.price;
    for (const Hold& hold : to)
        if (!was_in(item, hold.bin)) price += item.hold * packing.bin(hold.bin).free_at_first;
    return price;
}

std::vector<Place> places(Board& board, const Item& item) {
    return item.at.size() == 1 ? single_places(board, item) : joint_places(board, item);
}

std::vector<BinIndex> crowded_places(Board& board, const Item& item) {
    const Packing& packing = board.packing;
    std::vector<BinIndex> found;
    for (int gpus = packing.most_whole(); gpus >= 0; --gpus) {
        for (const BinIndex bin : packing.with_whole(gpus)) {
            if (board.budget.spent() || found.size() == kCrowded) return found;
            board.budget.take();
            if (board.may_go(item, bin) && !was_in(item, bin) && !packing.bin(bin).items.empty() &&
                std::ssize(packing.slots(bin)) >= item.size.gpus)
                found.push_back(bin);
        }
    }
    return found;
}

}  // namespace weir::policies::consolidation
