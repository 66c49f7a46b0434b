// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

namespace weir::policies::consolidation {

using BinIndex = std::uint32_t;

// Bins in ascending order; adding and removing one take the same short time however many there are.
class BinSet {
  public:
    class Iterator {
      public:
        Iterator(const std::vector<std::uint64_t>& words, std::size_t word) : words_(&words), word_(word) {
            if (word_ < words_->size()) bits_ = (*words_)[word_];
            skip_empty();
        }
        BinIndex operator*() const {
            return static_cast<BinIndex>(word_ * kBits) + static_cast<BinIndex>(std::countr_zero(bits_));
        }
        Iterator& operator++() {
            bits_ &= bits_ - 1;
            skip_empty();
            return *this;
        }
        bool operator==(std::default_sentinel_t) const { return word_ >= words_->size(); }

      private:
        void skip_empty() {
            while (bits_ == 0 && word_ < words_->size())
                if (++word_ < words_->size()) bits_ = (*words_)[word_];
        }

        const std::vector<std::uint64_t>* words_;
        std::size_t word_;
        std::uint64_t bits_ = 0;
    };

    Iterator begin() const { return {words_, 0}; }
    std::default_sentinel_t end() const { return {}; }

    void insert(BinIndex bin) {
        if (bin / kBits >= words_.size()) words_.resize(bin / kBits + 1);
        words_[bin / kBits] |= std::uint64_t{1} << bin % kBits;
    }
    // A bin that is in it.
    void erase(BinIndex bin) { words_[bin / kBits] &= ~(std::uint64_t{1} << bin % kBits); }

  private:
    static constexpr std::size_t kBits = 64;

    std::vector<std::uint64_t> words_;
};

}  // namespace weir::policies::consolidation
