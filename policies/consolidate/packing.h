// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policies/consolidate/bin_set.h"

namespace weir::policies::consolidation {

using ItemIndex = std::uint32_t;
using BinFlags = std::vector<char>;

constexpr int kWholeGpu = 1000;        // thousandths
constexpr int kAnyType = -1;           // of GPU
constexpr std::size_t kMostGpus = 64;  // of one bin

// What an item takes of one bin. CPUs and memory in any unit, the same throughout.
struct Size {
    std::int64_t cpus = 0;
    std::int64_t memory = 0;
    int gpus = 0;                 // so many different ones,
    int thousandths = kWholeGpu;  // and so much of each
    int gpu_type = kAnyType;

    std::int64_t gpu_thousandths() const { return std::int64_t{gpus} * thousandths; }

    bool operator==(const Size&) const = default;
};

// A GPU of a bin.
struct Slot {
    int type = 0;
    int free = kWholeGpu;  // thousandths

    bool operator==(const Slot&) const = default;
};

// Room that an item holds in one bin: on which of its GPUs, as bits.
struct Hold {
    BinIndex bin = 0;
    std::uint64_t gpus = 0;

    bool operator==(const Hold&) const = default;
};

// Something that sits in bins, as much in each: a job and its nodes. `price` is what it costs to move it;
// where it goes to a bin that is kept for it alone meanwhile, `hold` for each GPU that is free there is
// added.
struct Item {
    Size size;
    std::vector<Hold> at;
    bool movable = false;
    std::int64_t price = 0;
    std::int64_t hold = 0;
    const BinFlags* allowed = nullptr;  // bins that it may go to; nullptr: all
    bool together = false;              // its bins stay within one group, where they are so now
};

// Bins and what they have left; items take room and give it back. Free room is what no item holds, so what
// cannot be moved need not be an item: it is room that was never there.
class Packing {
  public:
    struct Bin {
        std::int64_t cpus = 0;  // free
        std::int64_t memory = 0;
        int whole = 0;          // GPUs wholly free
        int free_at_first = 0;  // of these, when the search began
        int group = -1;         // block or NVLink domain; -1: none
        bool open = true;       // items may be moved here
        std::uint32_t first = 0, slots = 0;
        std::vector<ItemIndex> items;  // that hold room here, ascending
    };

    // A bin with so much free room; at most kMostGpus slots.
    BinIndex add_bin(std::int64_t cpus, std::int64_t memory, std::span<const Slot> slots, int group = -1,
                     bool open = true);
    // An item whose room was taken from its bins before (with take()).
    ItemIndex add_item(Item item);

    std::size_t bins() const { return bins_.size(); }
    std::size_t items() const { return items_.size(); }
    const Bin& bin(BinIndex index) const { return bins_[index]; }
    const Item& item(ItemIndex index) const { return items_[index]; }
    Item& item(ItemIndex index) { return items_[index]; }
    std::span<const Slot> slots(BinIndex bin) const {
        return {slots_.data() + bins_[bin].first, bins_[bin].slots};
    }

    // Where an item of that size would sit in a bin, fullest GPUs first; absent if it does not fit.
    std::optional<Hold> find(BinIndex bin, const Size& size) const;
    void take(const Hold& hold, const Size& size);
    void give(const Hold& hold, const Size& size);

    // Takes an item out of its bins, or puts it back into those of its `at`.
    void lift(ItemIndex item);
    void drop(ItemIndex item);

    // The bins of so many wholly free GPUs, up to most_whole(); bins without GPUs count as those with none.
    const BinSet& with_whole(int gpus) const { return by_whole_[static_cast<std::size_t>(gpus)]; }
    int most_whole() const { return static_cast<int>(by_whole_.size()) - 1; }

  private:
    void recount(BinIndex bin, int whole);

    std::vector<Bin> bins_;
    std::vector<Slot> slots_;
    std::vector<Item> items_;
    std::vector<BinSet> by_whole_;
};

}  // namespace weir::policies::consolidation
