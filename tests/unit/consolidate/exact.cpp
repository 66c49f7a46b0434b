// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/consolidate/exact.h"

#include <glpk.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <memory>
#include <vector>

using namespace weir::policies::consolidation;

namespace weir::test {
namespace {

// Columns and rows of a problem of least price.
class Model {
  public:
    struct Term {
        int column = 0;
        std::int64_t factor = 1;
    };
    using Terms = std::vector<Term>;

    Model() : problem_(glp_create_prob()) {
        glp_term_out(GLP_OFF);
        glp_set_obj_dir(problem_.get(), GLP_MIN);
    }

    int flag(std::int64_t price, bool fixed_to_zero = false) {
        const int column = glp_add_cols(problem_.get(), 1);
        glp_set_col_kind(problem_.get(), column, GLP_BV);
        if (fixed_to_zero) glp_set_col_bnds(problem_.get(), column, GLP_FX, 0, 0);
        glp_set_obj_coef(problem_.get(), column, static_cast<double>(price));
        return column;
    }

    int count(int most) {
        const int column = glp_add_cols(problem_.get(), 1);
        glp_set_col_kind(problem_.get(), column, GLP_IV);
        glp_set_col_bnds(problem_.get(), column, GLP_DB, 0, most);
        return column;
    }

    void at_most(const Terms& terms, std::int64_t limit) { row(terms, GLP_UP, limit); }
    void exactly(const Terms& terms, std::int64_t value) { row(terms, GLP_FX, value); }

    Exact solve() {
        glp_iocp options;
        glp_init_iocp(&options);
        options.presolve = GLP_ON;
        options.msg_lev = GLP_MSG_OFF;
        options.tm_lim = 60'000;  // milliseconds
        const int error = glp_intopt(problem_.get(), &options);
        if (error == GLP_ENOPFS) return {true, std::nullopt};
        if (error != 0) return {};
        const int status = glp_mip_status(problem_.get());
        if (status == GLP_NOFEAS) return {true, std::nullopt};
        if (status != GLP_OPT) return {};
        return {true, std::llround(glp_mip_obj_val(problem_.get()))};
    }

  private:
    struct Delete {
        void operator()(glp_prob* problem) const { glp_delete_prob(problem); }
    };

    void row(const Terms& terms, int kind, std::int64_t bound) {
        std::vector<int> columns{0};  // GLPK counts from 1
        std::vector<double> factors{0};
        for (const Term& term : terms) {
            columns.push_back(term.column);
            factors.push_back(static_cast<double>(term.factor));
        }
        const int row = glp_add_rows(problem_.get(), 1);
        glp_set_row_bnds(problem_.get(), row, kind, static_cast<double>(bound), static_cast<double>(bound));
        glp_set_mat_row(problem_.get(), row, static_cast<int>(terms.size()), columns.data(), factors.data());
    }

    std::unique_ptr<glp_prob, Delete> problem_;
};

// The rows of an instance. What a bin's GPUs take is counted by kind: those of one type, or each for itself
// where items may share one.
class Formulation {
  public:
    explicit Formulation(const Instance& instance) : instance_(instance), packing_(instance.packing) {
        for (BinIndex bin = 0; bin < packing_.bins(); ++bin) rooms_.push_back(room_of(bin));
    }

    Exact solve() {
        add_targets();
        for (ItemIndex item = 0; item < packing_.items(); ++item)
            if (packing_.item(item).movable) add_item(packing_.item(item));
        model_.at_most(moves_, instance_.limits.moves);
        for (const Room& room : rooms_) {
            model_.at_most(room.cpu_terms, room.cpus);
            model_.at_most(room.memory_terms, room.memory);
            for (const Kind& kind : room.kinds) model_.at_most(kind.terms, kind.free);
        }
        return model_.solve();
    }

  private:
    struct Kind {
        int type = 0;
        int gpus = 0;
        std::uint64_t slots = 0;  // as bits
        std::int64_t free = 0;    // thousandths
        Model::Terms terms;
    };
    struct Room {
        std::int64_t cpus = 0, memory = 0;
        Model::Terms cpu_terms, memory_terms;
        std::vector<Kind> kinds;
    };

    Room room_of(BinIndex bin) const {
        Room room{packing_.bin(bin).cpus, packing_.bin(bin).memory, {}, {}, {}};
        const auto slots = packing_.slots(bin);
        for (std::size_t i = 0; i < slots.size(); ++i) {
            auto kind = instance_.shares ? room.kinds.end()
                                         : std::ranges::find(room.kinds, slots[i].type, &Kind::type);
            if (kind == room.kinds.end()) kind = room.kinds.insert(kind, Kind{slots[i].type, 0, 0, 0, {}});
            ++kind->gpus;
            kind->slots |= std::uint64_t{1} << i;
            kind->free += slots[i].free;
        }
        return room;
    }

    void add_targets() {
        Model::Terms all;
        for (const Target& target : instance_.goal.targets) {
            const int chosen = model_.flag(target.price);
            chosen_[target.bin] = chosen;
            all.push_back({chosen, 1});
            arrive(chosen, target.bin, target.need);
        }
        model_.exactly(all, instance_.goal.bins);
    }

    // An item stays, or it is moved: then it sits in as many bins as before, new ones or its own.
    void add_item(const Item& item) {
        const int moved = model_.flag(item.price);
        moves_.push_back({moved, 1});
        for (const Hold& hold : item.at) {
            leave(moved, hold, item.size);
            if (is_in_the_way(item, hold.bin)) model_.at_most({{chosen_[hold.bin], 1}, {moved, -1}}, 0);
        }
        Model::Terms places{{moved, -std::ssize(item.at)}};
        for (BinIndex bin = 0; bin < packing_.bins(); ++bin) {
            const bool here = std::ranges::find(item.at, bin, &Hold::bin) != item.at.end();
            if (here && item.at.size() == 1) continue;
            const bool barred =
                !packing_.bin(bin).open || (item.allowed != nullptr && (*item.allowed)[bin] == 0);
            const std::int64_t price = here ? 0 : item.hold * packing_.bin(bin).free_at_first;
            const int place = model_.flag(price, barred);
            places.push_back({place, 1});
            arrive(place, bin, item.size);
            // Nothing goes to a bin that is to be free.
            if (chosen_.contains(bin)) model_.at_most({{place, 1}, {chosen_[bin], 1}}, 1);
        }
        model_.exactly(places, 0);
    }

    // Whether a target lacks CPUs as long as an item stays. That follows from the other rows, but saves most
    // of the time.
    bool is_in_the_way(const Item& item, BinIndex bin) const {
        const auto target = std::ranges::find(instance_.goal.targets, bin, &Target::bin);
        if (target == instance_.goal.targets.end()) return false;
        std::int64_t cpus = packing_.bin(bin).cpus - item.size.cpus;
        for (const ItemIndex other : packing_.bin(bin).items)
            if (packing_.item(other).movable) cpus += packing_.item(other).size.cpus;
        return cpus < target->need.cpus;
    }

    void leave(int moved, const Hold& hold, const Size& size) {
        Room& room = rooms_[hold.bin];
        room.cpu_terms.push_back({moved, -size.cpus});
        room.memory_terms.push_back({moved, -size.memory});
        for (Kind& kind : room.kinds)
            if (const int gpus = std::popcount(kind.slots & hold.gpus); gpus > 0)
                kind.terms.push_back({moved, -std::int64_t{gpus} * size.thousandths});
    }

    void arrive(int place, BinIndex bin, const Size& size) {
        Room& room = rooms_[bin];
        room.cpu_terms.push_back({place, size.cpus});
        room.memory_terms.push_back({place, size.memory});
        if (size.gpus == 0) return;
        Model::Terms parts{{place, -size.gpus}};
        for (Kind& kind : room.kinds) {
            if (size.gpu_type != kAnyType && size.gpu_type != kind.type) continue;
            const int part = model_.count(std::min(kind.gpus, size.gpus));
            parts.push_back({part, 1});
            kind.terms.push_back({part, size.thousandths});
        }
        model_.exactly(parts, 0);
    }

    const Instance& instance_;
    const Packing& packing_;
    Model model_;
    std::vector<Room> rooms_;
    std::map<BinIndex, int> chosen_;  // column of a target
    Model::Terms moves_;
};

}  // namespace

Exact solve_exactly(const Instance& instance) {
    return Formulation(instance).solve();
}

}  // namespace weir::test
