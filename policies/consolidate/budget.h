// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <algorithm>
#include <cstdint>

namespace weir::policies::consolidation {

// How many looks at a bin a search may still take.
class Budget {
  public:
    explicit Budget(std::int64_t left) : left_(left) {}

    void take() { --left_; }
    bool spent() const { return left_ <= kept_; }

    // While it lives, only one part in so many of what is left may be used, or this least if there is as
    // much.
    class Share {
      public:
        Share(Budget& budget, std::int64_t parts, std::int64_t least = 0)
            : budget_(budget), kept_(budget.kept_) {
            const std::int64_t left = std::max<std::int64_t>(budget.left_ - kept_, 0);
            budget.kept_ = budget.left_ - std::min(std::max(left / parts, least), left);
        }
        ~Share() { budget_.kept_ = kept_; }
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;

      private:
        Budget& budget_;
        std::int64_t kept_;
    };

  private:
    std::int64_t left_;
    std::int64_t kept_ = 0;
};

}  // namespace weir::policies::consolidation
