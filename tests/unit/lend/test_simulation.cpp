// SPDX-License-Identifier: GPL-2.0-or-later
// Many random cycles of a world that acts on Weir's plans, with what must hold of every plan checked in each.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "tests/unit/lend/world.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;
using policies::lend;
using policies::LendRule;

namespace {

class Simulation {
  public:
    explicit Simulation(unsigned seed) : random_(seed) {
        world_.add_nodes("i", 2, {"inference"});
        world_.add_nodes("b", 1, {"batch"});
        world_.add_nodes("t", 5, {"train", "inference", "batch"});
        world_.add_nodes("u", 2, {"train"});
        for (const auto* name : {"inference", "batch"}) {
            LendRule rule = small_rule();
            rule.name = rule.to = name;
            rule.also = {"inference", "batch"};
            rule.keep_idle = below(3);
            if (chance(50)) rule.max_lent = below(5);
            if (chance(30)) rule.spare_gpus = {{"h100", 1 + below(12)}};
            rule.reclaim.then = std::vector{Ending::kRequeue, Ending::kRequeue, Ending::kCancel,
                                            Ending::kLeave}[static_cast<std::size_t>(below(4))];
            rules_.push_back(rule);
        }
        world_.backfill_cycle = Duration(below(20));
    }

    void cycle() {
        disturb();
        world_.schedule();
        const Snapshot before = world_.snapshot();
        const Plan plan = lend(before, rules_);
        CHECK(plan == lend(before, rules_));
        check_writes(before, plan);
        check_ends(before, plan);
        world_.apply(plan);
        check_reservations();
        check_calm();
        world_.pass(Duration(5 + below(90)));
    }

  private:
    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
    bool chance(int percent) { return below(100) < percent; }

    const LendRule& rule(const std::string& name) const {
        return *std::ranges::find(rules_, name, &LendRule::name);
    }

    void disturb() {
        const std::string partition = std::vector<std::string>{"train", "inference", "batch"}[random_() % 3];
        if (chance(30) && world_.jobs.size() < 40) {
            Job& job =
                world_.pending(++last_job_, partition, 1 + below(3), std::vector{1, 4, 8}[random_() % 3], 1s);
            job.reservation.clear();
            job.requeueable = chance(80);
            job.priority = static_cast<std::uint32_t>(below(5));
        }
        std::erase_if(world_.jobs, [&](auto& entry) { return chance(entry.second.nodes.empty() ? 1 : 4); });
        if (chance(5)) fail_or_mend();
        if (chance(2)) meddle();
        if (chance(1)) world_.state(rules_[0].name).held_home = true;
        if (chance(10)) world_.state(rules_[0].name).held_home = false;
        std::ranges::sort(world_.ledger.rules, {}, &RuleState::rule);
    }

    void fail_or_mend() {
        auto node = std::next(world_.nodes.begin(), below(static_cast<int>(world_.nodes.size())));
        Node& it = node->second;
        if (it.state != NodeState::kUp) {
            it.state = NodeState::kUp;
            return;
        }
        it.state = chance(50) ? NodeState::kDown : NodeState::kDraining;
        if (it.state == NodeState::kDown)
            std::erase_if(world_.jobs, [&](auto& entry) {
                return std::ranges::find(entry.second.nodes, it.name) != entry.second.nodes.end();
            });
    }

    // An admin edits or deletes a reservation.
    void meddle() {
        if (world_.reservations.empty()) return;
        auto& [name, reservation] = *world_.reservations.begin();
        if (reservation.nodes.size() > 1 && chance(70))
            reservation.nodes.erase(reservation.nodes.begin() +
                                    below(static_cast<int>(reservation.nodes.size())));
        else
            world_.reservations.erase(std::string(name));
    }

    void check_writes(const Snapshot& before, const Plan& plan) {
        std::set<std::string> written;
        newly_lent_.clear();
        for (const auto& set : steps_of<SetReservation>(plan)) {
            INFO("rule " << set.rule);
            CHECK(written.insert(set.rule).second);
            CHECK((set.create || !set.added.empty() || !set.removed.empty()));
            const char own = set.rule[0];
            const auto in_set = [&](const std::string& name) {
                return std::ranges::count(set.nodes, name) == 1;
            };
            for (const auto& [name, node] : world_.nodes)
                if (name[0] == own) CHECK(in_set(name));
            for (const auto& name : set.added) {
                if (name[0] == own) continue;
                const Node& node = before.nodes[before.node(name).value()];
                CHECK(node.jobs == 0);
                CHECK(node.state == NodeState::kUp);
                newly_lent_.insert(name);
            }
        }
        if (newly_lent_.empty()) return;
        std::set<std::string> reserved;
        for (const auto& [name, reservation] : world_.reservations)
            reserved.insert(reservation.nodes.begin(), reservation.nodes.end());
        int idle = 0;
        for (const Node& node : before.nodes)
            idle += (node.name[0] == 't' || node.name[0] == 'u') && node.jobs == 0 &&
                    node.state == NodeState::kUp && !reserved.contains(node.name) &&
                    !newly_lent_.contains(node.name);
        for (const auto& set : steps_of<SetReservation>(plan)) {
            const bool lends =
                std::ranges::any_of(set.added, [&](const auto& name) { return newly_lent_.contains(name); });
            if (!lends) continue;
            CHECK(idle >= rule(set.rule).keep_idle);
            if (rule(set.rule).max_lent)
                CHECK(std::ranges::count(set.nodes, 't', [](const auto& name) { return name[0]; }) <=
                      *rule(set.rule).max_lent);
        }
    }

    void check_ends(const Snapshot& before, const Plan& plan) {
        std::set<JobId> touched;
        for (const auto& notify : steps_of<NotifyJob>(plan)) CHECK(touched.insert(notify.job).second);
        for (const auto& end : steps_of<EndJob>(plan)) {
            CHECK(touched.insert(end.job).second);
            const Job* job = before.job(end.job);
            REQUIRE(job != nullptr);
            CHECK(world_.jobs.at(end.job.value).partitions == Names{end.rule});
            const auto& terms = rule(end.rule).reclaim;
            CHECK(terms.then == end.how);
            if (end.how == Ending::kRequeue) CHECK(job->requeueable);
            bool told_in_time = false;
            for (const Loan& loan : before.ledger.loans) {
                if (loan.rule != end.rule || !loan.vacating) continue;
                for (const Notice& notice : loan.vacating->notices)
                    told_in_time |= notice.job == end.job && notice.at + terms.notice <= before.at &&
                                    job->started.value() <= notice.at;
            }
            CHECK(told_in_time);
        }
    }

    void check_reservations() const {
        std::set<std::string> seen;
        for (const auto& [name, reservation] : world_.reservations)
            for (const auto& node : reservation.nodes) CHECK(seen.insert(node).second);
    }

    // With nothing new in the world, plans come to rest, and what was just lent stays lent.
    void check_calm() {
        for (Duration later : {Duration(10s), Duration(20min)}) {
            World copy = world_;
            copy.pass(later);
            for (const auto& set : steps_of<SetReservation>(lend(copy.snapshot(), rules_)))
                for (const auto& name : set.removed) {
                    INFO(name << " lent to " << set.rule << " goes home after " << later.count() << " s");
                    CHECK_FALSE(newly_lent_.contains(name));
                }
        }
        World copy = world_;
        copy.pass(41s);  // beyond any spacing of writes
        bool rests = false;
        for (int cycles = 0; cycles < 8 && !rests; ++cycles) {
            const Plan next = lend(copy.snapshot(), rules_);
            rests = next.steps.empty() && next.ledger == copy.ledger;
            copy.apply(next);
        }
        CHECK(rests);
    }

    std::mt19937 random_;
    World world_;
    std::vector<LendRule> rules_;
    std::uint32_t last_job_ = 0;
    std::set<std::string> newly_lent_;
};

}  // namespace

TEST_CASE("whatever happens, plans keep their promises", "[simulation]") {
    const unsigned seed = GENERATE(range(1U, 41U));
    INFO("seed " << seed);
    Simulation simulation(seed);
    for (int i = 0; i < 150; ++i) simulation.cycle();
}
