// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/rules_check.h"

#include <map>
#include <string>
#include <string_view>

#include "plugin/config/words.h"

namespace weir::config {
namespace {

using policies::LendRule;

// A value's path and line.
struct Place {
    std::string key;
    int line = 0;
};

// The later and the earlier of two places.
struct Order {
    const Place& later;
    const Place& earlier;
};

Order in_order(const Place& a, const Place& b) {
    return b.line >= a.line ? Order{b, a} : Order{a, b};
}

std::string on_line(const Place& place) {
    return "(line " + std::to_string(place.line) + ")";
}

class Check {
  public:
    Check(const std::vector<LendRule>& rules, Findings& findings) : rules_(rules), findings_(findings) {}

    void run() {
        for (std::size_t i = 0; i < rules_.size(); ++i) {
            check_name(i);
            check_to(i);
        }
        for (std::size_t i = 0; i < rules_.size(); ++i) {
            check_from(i);
            check_backoff(i);
            check_lists(i);
        }
    }

  private:
    // Where a key of a rule stands; of line 0 when the file does not say it.
    Place place(std::size_t rule, const std::string& key) const {
        const std::string path = entry_path("lend", rule) + "." + key;
        const auto line = findings_.lines.find(path);
        return {path, line == findings_.lines.end() ? 0 : line->second};
    }

    // Where a name of a list stands, or the one name given in place of a list.
    Place entry(std::size_t rule, const std::string& key, std::size_t index) const {
        const Place in_list = place(rule, entry_path(key, index));
        return in_list.line > 0 ? in_list : place(rule, key);
    }

    void tell(const Place& where, std::string message) {
        findings_.problems.push_back({where.line, where.key, std::move(message)});
    }

    void check_name(std::size_t i) {
        const std::string& name = rules_[i].name;
        if (name.empty()) return;
        const Place here = place(i, "name");
        if (is_of_consolidation(rules_[i].reservation()))
            tell(here, in_quotes(name) + " would be called like a reservation of consolidation's (" +
                           rules_[i].reservation() + "); do not begin it with move_ or clear_");
        const auto [first, is_new] = names_.try_emplace(name, here);
        if (is_new) return;
        const auto [later, earlier] = in_order(first->second, here);
        tell(later, in_quotes(name) + " is the name of another rule too " + on_line(earlier));
    }

    void check_to(std::size_t i) {
        const std::string& to = rules_[i].to;
        if (to.empty()) return;
        const Place here = place(i, "to");
        const auto [first, is_new] = borrowers_.try_emplace(to, here);
        if (is_new) return;
        const auto [later, earlier] = in_order(first->second, here);
        tell(later, in_quotes(to) + " is lent to by another rule already " + on_line(earlier) +
                        ": write one rule, its from may be a list");
    }

    void check_from(std::size_t i) {
        for (std::size_t j = 0; j < rules_[i].from.size(); ++j) {
            const std::string& from = rules_[i].from[j];
            const auto borrower = borrowers_.find(from);
            if (from.empty() || borrower == borrowers_.end()) continue;
            const bool same_rule = rules_[i].to == from;
            const Place here = entry(i, "from", j);
            const Place there = same_rule ? place(i, "to") : borrower->second;
            const auto [later, earlier] = in_order(there, here);
            if (same_rule) {
                tell(later, in_quotes(from) + " is both from and to of this rule " + on_line(earlier));
            } else {
                tell(later, in_quotes(from) + " is what another rule lends " +
                                (&later == &here ? "to " : "from ") + on_line(earlier) +
                                ": lending on what was lent is not supported");
            }
        }
    }

    void check_backoff(std::size_t i) {
        const policies::Backoff& backoff = rules_[i].backoff;
        if (backoff.first <= backoff.max) return;
        const Place first = place(i, "backoff.first");
        const Place max = place(i, "backoff.max");
        auto where = [](const Place& other) {
            return other.line > 0 ? on_line(other) : std::string("(the default)");
        };
        if (max.line >= first.line) {
            tell(max, weir::to_text(backoff.max) + " is less than first, " + weir::to_text(backoff.first) +
                          " " + where(first));
        } else {
            tell(first, weir::to_text(backoff.first) + " is more than max, " + weir::to_text(backoff.max) +
                            " " + where(max));
        }
    }

    void check_lists(std::size_t i) {
        const LendRule& rule = rules_[i];
        check_distinct(i, "from", rule.from);
        check_distinct(i, "also", rule.also);
        check_distinct(i, "users", rule.users);
        check_distinct(i, "accounts", rule.accounts);
        check_distinct(i, "groups", rule.groups);
        if (rule.users.empty() || rule.groups.empty()) return;
        const Place users = place(i, "users");
        const Place groups = place(i, "groups");
        const auto [later, earlier] = in_order(users, groups);
        tell(later, std::string("cannot stand together with ") + (&later == &groups ? "users " : "groups ") +
                        on_line(earlier) + ": Slurm refuses a reservation that has both");
    }

    void check_distinct(std::size_t i, const std::string& key, const std::vector<std::string>& names) {
        std::map<std::string_view, Place> seen;
        for (std::size_t j = 0; j < names.size(); ++j) {
            if (names[j].empty()) continue;
            const Place here = entry(i, key, j);
            const auto [first, is_new] = seen.try_emplace(names[j], here);
            if (!is_new)
                tell(here, in_quotes(names[j]) + " is named twice (first on line " +
                               std::to_string(first->second.line) + ")");
        }
    }

    const std::vector<LendRule>& rules_;
    Findings& findings_;
    std::map<std::string, Place> names_;
    std::map<std::string, Place> borrowers_;  // by `to`
};

}  // namespace

void check_rules(const std::vector<LendRule>& rules, Findings& findings) {
    Check(rules, findings).run();
}

}  // namespace weir::config
