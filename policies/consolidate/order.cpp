// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/consolidate/order.h"

#include <set>
#include <utility>

#include "policies/consolidate/places.h"

namespace weir::policies::consolidation {
namespace {

// Depth-first; each set of moves that are made is tried once, as it decides what room is left (but for the
// choice of GPUs).
class Ordering {
  public:
    Ordering(Board& board, const std::vector<Relocation>& moves)
        : board_(board), packing_(board.packing), moves_(moves), made_(moves.size(), false) {}

    // Makes those that are left; they are unmade on return, but stay in `order()` if all could be made.
    bool make_all() {
        if (order_.size() == moves_.size()) return true;
        if (!tried_.insert(made_).second) return false;
        for (std::size_t i = 0; i < moves_.size(); ++i) {
            if (made_[i]) continue;
            if (board_.budget.spent()) return false;
            board_.budget.take();
            Relocation move = moves_[i];
            if (!make(move)) continue;
            made_[i] = true;
            order_.push_back(move);
            const bool all = make_all();
            made_[i] = false;
            unmake(move);
            if (all) return true;
            order_.pop_back();
        }
        return false;
    }

    std::vector<Relocation>& order() { return order_; }

  private:
    // Sets on which GPUs; nothing is made where one of the bins has no room.
    bool make(Relocation& move) {
        const Item& item = packing_.item(move.item);
        packing_.lift(move.item);
        for (std::size_t i = 0; i < move.to.size(); ++i) {
            const auto hold = packing_.find(move.to[i].bin, item.size);
            if (!hold) {
                for (std::size_t k = 0; k < i; ++k) packing_.give(move.to[k], item.size);
                packing_.drop(move.item);
                return false;
            }
            packing_.take(*hold, item.size);
            move.to[i] = *hold;
        }
        move.price = price_to(packing_, item, move.to);
        return true;
    }

    void unmake(const Relocation& move) {
        for (const Hold& hold : move.to) packing_.give(hold, packing_.item(move.item).size);
        packing_.drop(move.item);
    }

    Board& board_;
    Packing& packing_;
    const std::vector<Relocation>& moves_;
    std::vector<bool> made_;
    std::set<std::vector<bool>> tried_;
    std::vector<Relocation> order_;
};

}  // namespace

bool put_in_order(Board& board, std::vector<Relocation>& moves) {
    Ordering ordering(board, moves);
    if (!ordering.make_all()) return false;
    moves = std::move(ordering.order());
    return true;
}

}  // namespace weir::policies::consolidation
