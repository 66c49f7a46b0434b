// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/consolidate/packing.h"

#include <algorithm>
#include <bit>

namespace weir::policies::consolidation {

BinIndex Packing::add_bin(std::int64_t cpus, std::int64_t memory, std::span<const Slot> slots, int group,
                          bool open) {
    const auto index = static_cast<BinIndex>(bins_.size());
    Bin bin;
    bin.cpus = cpus;
    bin.memory = memory;
    bin.group = group;
    bin.open = open;
    bin.first = static_cast<std::uint32_t>(slots_.size());
    bin.slots = static_cast<std::uint32_t>(std::min(slots.size(), kMostGpus));
    for (const Slot& slot : slots.first(bin.slots)) {
        slots_.push_back(slot);
        if (slot.free == kWholeGpu) ++bin.whole;
    }
    bin.free_at_first = bin.whole;
    if (by_whole_.size() <= bin.slots) by_whole_.resize(bin.slots + 1);
    by_whole_[static_cast<std::size_t>(bin.whole)].insert(index);
    bins_.push_back(std::move(bin));
    return index;
}

ItemIndex Packing::add_item(Item item) {
    const auto index = static_cast<ItemIndex>(items_.size());
    for (const Hold& hold : item.at) bins_[hold.bin].items.push_back(index);
    items_.push_back(std::move(item));
    return index;
}

std::optional<Hold> Packing::find(BinIndex index, const Size& size) const {
    const Bin& bin = bins_[index];
    if (bin.cpus < size.cpus || bin.memory < size.memory) return std::nullopt;
    if (size.thousandths == kWholeGpu && bin.whole < size.gpus) return std::nullopt;
    const auto here = slots(index);
    Hold hold{index, 0};
    for (int left = size.gpus; left > 0; --left) {
        std::optional<std::size_t> best;  // the fullest that suits
        for (std::size_t i = 0; i < here.size(); ++i) {
            const bool suits = here[i].free >= size.thousandths &&
                               (size.gpu_type == kAnyType || here[i].type == size.gpu_type) &&
                               (hold.gpus >> i & 1U) == 0;
            if (suits && (!best || here[i].free < here[*best].free)) best = i;
        }
        if (!best) return std::nullopt;
        hold.gpus |= std::uint64_t{1} << *best;
    }
    return hold;
}

void Packing::take(const Hold& hold, const Size& size) {
    Bin& bin = bins_[hold.bin];
    bin.cpus -= size.cpus;
    bin.memory -= size.memory;
    int whole = bin.whole;
    for (std::uint64_t gpus = hold.gpus; gpus != 0; gpus &= gpus - 1) {
        Slot& slot = slots_[bin.first + static_cast<std::size_t>(std::countr_zero(gpus))];
        if (slot.free == kWholeGpu) --whole;
        slot.free -= size.thousandths;
    }
    recount(hold.bin, whole);
}

void Packing::give(const Hold& hold, const Size& size) {
    Bin& bin = bins_[hold.bin];
    bin.cpus += size.cpus;
    bin.memory += size.memory;
    int whole = bin.whole;
    for (std::uint64_t gpus = hold.gpus; gpus != 0; gpus &= gpus - 1) {
        Slot& slot = slots_[bin.first + static_cast<std::size_t>(std::countr_zero(gpus))];
        slot.free += size.thousandths;
        if (slot.free == kWholeGpu) ++whole;
    }
    recount(hold.bin, whole);
}

void Packing::lift(ItemIndex index) {
    const Item& item = items_[index];
    for (const Hold& hold : item.at) {
        give(hold, item.size);
        std::erase(bins_[hold.bin].items, index);
    }
}

void Packing::drop(ItemIndex index) {
    const Item& item = items_[index];
    for (const Hold& hold : item.at) {
        take(hold, item.size);
        auto& items = bins_[hold.bin].items;
        items.insert(std::ranges::lower_bound(items, index), index);
    }
}

void Packing::recount(BinIndex index, int whole) {
    Bin& bin = bins_[index];
    if (bin.whole == whole) return;
    by_whole_[static_cast<std::size_t>(bin.whole)].erase(index);
    by_whole_[static_cast<std::size_t>(whole)].insert(index);
    bin.whole = whole;
}

}  // namespace weir::policies::consolidation
