// SPDX-License-Identifier: GPL-2.0-or-later
// Many random cycles of a world that acts on overflow's plans, with what must hold checked in each.
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>

#include "policies/overflow/accounts.h"
#include "tests/unit/overflow/scene.h"

using namespace weir;
using namespace weir::test;
using namespace std::chrono_literals;
using policies::Accounts;

namespace {

class Simulation {
  public:
    explicit Simulation(unsigned seed) : random_(seed) {
        scene_.add_site("east", 1 + below(3));
        for (policies::Site& site : scene_.policy.sites) {
            site.terms.gpu_hour.by_type["a100"] = usd(0.1 * (1 + below(8)));
            site.terms.power_included = chance(50);
            site.terms.power.tariff = {{Hours{0b1111111, 22h, 6h}, usd(0.05)},
                                       {std::nullopt, usd(0.1 * (1 + below(5)))}};
            for (int i = below(3); i > 0; --i) site.vouchers.push_back(voucher("v" + std::to_string(i)));
        }
        if (chance(70)) scene_.rule().per_day = usd(5 + below(40));
        if (chance(50)) scene_.rule().per_month = usd(20 + below(200));
        scene_.rule().stay = std::chrono::minutes(1 + below(5));
    }

    void cycle() {
        disturb();
        const Snapshot before = scene_.snapshot();
        const Plan plan = scene_.decide();
        CHECK(plan == scene_.decide());
        check_once(plan);
        check_room(before, plan);
        check_money(plan.ledger.overflow, before);
        scene_.apply(plan);
        check_money(scene_.memory(), before);
        check_calm(plan);
        steps += plan.steps.size();
        scene_.pass(Duration(5 + below(1200)));
    }

    std::size_t steps = 0;
    std::size_t settled() const { return scene_.world.ledger.overflow.spendings.size(); }

  private:
    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
    bool chance(int percent) { return below(100) < percent; }

    policies::Voucher voucher(const std::string& name) {
        policies::Voucher one;
        one.name = name;
        one.amount = GpuSeconds{3600 * (1 + below(100))};
        if (chance(50)) one.until = scene_.world.at + std::chrono::hours(below(200));
        if (chance(30)) one.accounts = {"lab"};
        return one;
    }

    void add_job() {
        Job& job = scene_.job(next_++, 1 + below(8), Duration(below(20000)));
        job.time_limit = std::chrono::minutes(30 + below(600));
        job.priority = static_cast<std::uint32_t>(below(1000));
        if (chance(20)) job.overflow.wish = OverflowWish::kPrefer;
        if (chance(20)) job.overflow.max_cost = usd(1 + below(10));
        if (chance(30)) job.expected_start = scene_.world.at + std::chrono::minutes(below(600));
        if (chance(25)) {
            const int tasks = 2 + below(6);
            job.label = std::to_string(job.id.value) + "_[1-" + std::to_string(tasks) + "]";
            job.count = tasks;
        }
    }

    // A free gateway node of a site that this job may start at.
    std::string free_node(const World::WorldJob& entry) const {
        const Snapshot now = scene_.snapshot();
        for (const Node& node : now.nodes) {
            const auto partition = std::ranges::find_if(entry.partitions, [&](const std::string& name) {
                const auto& members = scene_.world.partitions.at(name);
                return std::ranges::find(members, node.name) != members.end();
            });
            if (node.gateway && partition != entry.partitions.end() &&
                node.gpus.front().total - node.gpus.front().used >= entry.job.request.gpus_per_node &&
                node.cpus - node.cpus_used >= entry.job.request.cpus_per_node)
                return node.name;
        }
        return {};
    }

    void move_on(std::uint32_t id) {
        World::WorldJob& entry = scene_.world.jobs.at(id);
        Job& job = entry.job;
        if (job.state == JobState::kPending) {
            if (job.waits_for == WaitsFor::kBeginTime) {
                job.waits_for = WaitsFor::kResources;
                job.begin.reset();
                job.eligible = scene_.world.at;
                return;
            }
            const std::string node = job.nominated.empty() ? std::string() : free_node(entry);
            const bool has_copy = std::ranges::any_of(scene_.looks, [&](const SiteLook& there) {
                return std::ranges::find(there.runs, JobId{id}, &RemoteRun::job) != there.runs.end();
            });
            if (has_copy && !node.empty())
                scene_.start(id, node);  // and adopts it
            else if (!has_copy && !node.empty() && chance(70))
                scene_.start_at(id, node, chance(70) ? RunStage::kRunning : RunStage::kWaiting);
            else if (!has_copy && chance(5))
                scene_.world.end(id);
            return;
        }
        SiteLook& there = scene_.look(entry.partitions.front());
        const auto run = std::ranges::find(there.runs, JobId{id}, &RemoteRun::job);
        if (run == there.runs.end()) return;
        const Duration ran = run->started ? scene_.world.at - *run->started : Duration{};
        if (!run->started && chance(50)) {
            run->stage = RunStage::kRunning;
            run->started = scene_.world.at;
        } else if (!run->started || ran >= limit_of(id) || chance(20)) {
            const bool given_back = !run->started || chance(30);
            if (given_back) run->withdrawn = true;
            if (!run->started) run->started = run->asked;
            scene_.finish(id, std::min(ran, limit_of(id)));
            if (given_back)
                scene_.requeue(id);
            else
                scene_.world.end(id);
        } else if (chance(5)) {
            scene_.requeue(id);  // it lost its node; its copy runs on
        }
    }

    // As the copy has it: the local one may have been extended.
    Duration limit_of(std::uint32_t id) const {
        for (const Nomination& one : scene_.world.ledger.overflow.nominations)
            if (one.job.value == id) return one.limit;
        return scene_.world.jobs.at(id).job.time_limit;
    }

    void disturb() {
        if (scene_.world.jobs.size() < 40 && chance(70)) add_job();
        std::vector<std::uint32_t> ids;
        for (const auto& [id, entry] : scene_.world.jobs)
            if (id < 9000 || id >= 100'000) ids.push_back(id);
        for (const std::uint32_t id : ids)
            if (chance(60)) move_on(id);
        for (SiteLook& there : scene_.looks) {
            if (chance(10)) there.gateway_answers = !there.gateway_answers;
            if (chance(10)) there.failures = below(5);
            if (chance(20)) there.rooms.front().nodes = below(5);
        }
    }

    // What is taken back makes room for others; then, time standing still, nothing is left to be done or to
    // be learnt, and nothing is done to a job twice.
    void check_calm(const Plan& first) {
        std::set<std::string> touched;
        Plan plan = first;
        for (int round = 0; round < 6; ++round) {
            for (const std::string& text : texts(plan)) CHECK(touched.insert(text).second);
            for (const TakeBack& step : steps_of<TakeBack>(plan)) given_up_.insert(step.label);
            for (const Nominate& step : steps_of<Nominate>(plan)) CHECK_FALSE(given_up_.contains(step.label));
            plan = scene_.cycle();
        }
        given_up_.clear();
        CHECK(texts(plan) == Names{});
        CHECK(scene_.decide().ledger.overflow == plan.ledger.overflow);
    }

    static void check_once(const Plan& plan) {
        std::set<std::string> labels;
        for (const Nomination& one : plan.ledger.overflow.nominations) CHECK(labels.insert(one.label).second);
    }

    // What may start at a site, and what is on its way there, fits what is free there.
    void check_room(const Snapshot& before, const Plan& plan) {
        for (const SiteLook& there : scene_.looks) {
            int free = 0;
            for (const SiteRoom& room : there.rooms) free += room.nodes * room.gpus;
            int taken = 0;
            bool fresh = false;
            for (const Nominate& step : steps_of<Nominate>(plan)) {
                if (step.site != there.site) continue;
                fresh = true;
                taken += before.job(step.job)->request.gpus_per_node;
            }
            for (const RemoteRun& run : there.runs)
                if (run.stage == RunStage::kWaiting && !run.withdrawn) taken += run.gpus;
            if (fresh) CHECK(taken <= free);
        }
    }

    void check_money(const Overflow& memory, const Snapshot& now) {
        const Accounts accounts(scene_.policy, memory, now.at, now.utc_offset);
        const Accounts::Budget budget = accounts.budget("spill");
        CHECK(budget.aside.value >= 0);
        if (scene_.rule().per_day) CHECK(budget.today + budget.aside <= *scene_.rule().per_day);
        if (scene_.rule().per_month) CHECK(budget.this_month + budget.aside <= *scene_.rule().per_month);
        for (const policies::Site& site : scene_.policy.sites)
            for (const policies::Voucher& voucher : site.vouchers) {
                const auto balance = accounts.balance(site.name, voucher.name);
                CHECK(balance.used + balance.aside <= voucher.amount);
            }
    }

    Scene scene_;
    std::mt19937 random_;
    std::set<std::string> given_up_;  // while time stands still
    std::uint32_t next_ = 1;
};

}  // namespace

TEST_CASE("overflow never overdraws, never nominates twice, fits what is free and comes to rest") {
    std::size_t steps = 0;
    std::size_t settled = 0;
    for (unsigned seed = 1; seed <= 10; ++seed) {
        INFO("seed " << seed);
        Simulation simulation(seed);
        for (int i = 0; i < 80; ++i) {
            INFO("cycle " << i);
            simulation.cycle();
        }
        steps += simulation.steps;
        settled += simulation.settled();
    }
    CHECK(steps > 200);
    CHECK(settled > 20);
}
