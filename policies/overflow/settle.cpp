// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <tuple>
#include <utility>

#include "policies/overflow/tariff.h"
#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

constexpr Duration kForgotten = std::chrono::days(7);  // a gateway that is silent for so long
constexpr std::int64_t kDaysKept = 93;                 // of spending

// A task's job has an id of its own once Slurm has split it off its array.
bool is_of(const RemoteRun& run, const Nomination& nomination) {
    const bool task = nomination.label.find('_') != std::string::npos;
    return (task || run.job == nomination.job) && run.label == nomination.label &&
           run.user == nomination.user && run.restarts >= nomination.restarts;
}

// Its run at the site that also suits; nullptr: none is there.
template <class Suits>
const RemoteRun* find_run(const SiteWork* there, const Nomination& nomination, Suits suits) {
    if (there == nullptr) return nullptr;
    const auto [first, last] = there->runs.equal_range(nomination.label);
    const auto found = std::find_if(first, last, [&](const auto& entry) {
        return is_of(*entry.second, nomination) && suits(*entry.second);
    });
    return found != last ? found->second : nullptr;
}

template <class List, class Same>
auto& entry_of(List& list, Same same, typename List::value_type fresh) {
    const auto found = std::ranges::find_if(list, same);
    return found != list.end() ? *found : list.emplace_back(std::move(fresh));
}

using ByLabel = std::unordered_multimap<std::string_view, Nomination*>;

// Puts what runs have cost into the sums.
class Settling {
  public:
    Settling(Work& work, const Site& site, Accounts& accounts, const ByLabel& nominations)
        : w_(work), site_(site), accounts_(accounts), nominations_(nominations) {}

    void take(const RemoteRun& run) {
        Nomination* nomination = nomination_of(run);
        if (nomination != nullptr) accounts_.give_back(*nomination);
        const Duration ran =
            run.started && run.ended ? std::max(Duration{}, *run.ended - *run.started) : Duration{};
        const GpuSeconds work = Gpus{run.gpus} * ran;
        GpuSeconds covered;
        if (nomination != nullptr) covered = use_set_aside(*nomination, run, work);
        covered += use_what_is_left(run, work - covered);
        Money spent = ran > Duration{} ? price_of(run, ran, work - covered, nomination) : Money{};
        spent = plus(spent, cost(run.brought, site_.terms.egress_gb));
        note(nomination != nullptr ? nomination->budget : usual_budget(), run.ended.value_or(w_.snapshot.at),
             spent, work);
        if (nomination == nullptr) return;
        nomination->settled = true;
        nomination->worst = {};
    }

  private:
    Nomination* nomination_of(const RemoteRun& run) const {
        const auto [first, last] = nominations_.equal_range(run.label);
        const auto found = std::find_if(first, last, [&](const auto& entry) {
            const Nomination& one = *entry.second;
            return !one.settled && one.site == site_.name && is_of(run, one);
        });
        return found != last ? found->second : nullptr;
    }

    // Of those that were set aside, as far as they apply to what it really ran on. Nothing is set aside any
    // more.
    GpuSeconds use_set_aside(Nomination& nomination, const RemoteRun& run, GpuSeconds work) {
        GpuSeconds covered;
        const auto shares = std::exchange(nomination.vouchers, {});
        for (const VoucherShare& share : shares) {
            const auto voucher = std::ranges::find(site_.vouchers, share.voucher, &Voucher::name);
            if (voucher != site_.vouchers.end() && !voucher->gpus.empty() &&
                std::ranges::find(voucher->gpus, run.gpu_type) == voucher->gpus.end())
                continue;
            const GpuSeconds part = std::min(share.amount, work - covered);
            if (part.value <= 0) continue;
            use(share.voucher, part);
            covered += part;
        }
        return covered;
    }

    // Of those that were used or set aside for others when it was nominated, and are free again.
    GpuSeconds use_what_is_left(const RemoteRun& run, GpuSeconds work) {
        if (work.value <= 0 || site_.vouchers.empty()) return {};
        const auto shares = accounts_.cover(site_, run.gpu_type, run.account, work, *run.ended);
        for (const VoucherShare& share : shares) use(share.voucher, share.amount);
        return sum(shares);
    }

    std::string usual_budget() const {
        const OverflowRule* rule = rule_for(w_, site_);
        return rule != nullptr ? rule->name : "";
    }

    void use(const std::string& voucher, GpuSeconds amount) {
        entry_of(w_.memory().vouchers,
                 [&](const VoucherUse& one) { return one.site == site_.name && one.voucher == voucher; },
                 {site_.name, voucher, {}})
            .used += amount;
        accounts_.use(site_.name, voucher, amount);
    }

    Money price_of(const RemoteRun& run, Duration ran, GpuSeconds paid, const Nomination* nomination) const {
        const auto gpu_hour = site_.terms.gpu_hour.of(run.gpu_type);
        // weir.yaml no longer names its price: as much as was set aside.
        if (!gpu_hour && paid.value > 0) return nomination != nullptr ? nomination->worst : Money{};
        Money price = cost(paid, gpu_hour.value_or(Money{}));
        if (!site_.terms.power_included)
            price = plus(price, power_cost(site_.terms.power, run.gpu_type, Gpus{run.gpus}, *run.started, ran,
                                           w_.snapshot.utc_offset));
        return price;
    }

    void note(const std::string& budget, Time ended, Money spent, GpuSeconds work) {
        const std::int64_t day = local_day(ended, w_.snapshot.utc_offset);
        Spending& spending =
            entry_of(w_.memory().spendings,
                     [&](const Spending& one) {
                         return one.budget == budget && one.site == site_.name && one.day == day;
                     },
                     {budget, site_.name, day, {}, {}});
        spending.spent = plus(spending.spent, spent);
        spending.work += work;
    }

    Work& w_;
    const Site& site_;
    Accounts& accounts_;
    const ByLabel& nominations_;
};

// By the ledger that tells now. One of before ledgers were told is taken to be this one.
Settled& settled_of(std::vector<Settled>& all, const SiteLook& look) {
    const auto by = [&](const auto& same) {
        return std::ranges::find_if(
            all, [&](const Settled& one) { return one.site == look.site && same(one.ledger); });
    };
    auto found = by([&](const std::string& ledger) { return ledger == look.ledger; });
    if (found == all.end())
        found = by([&](const std::string& ledger) { return ledger.empty() || look.ledger.empty(); });
    if (found == all.end()) return all.emplace_back(Settled{look.site, 0, look.ledger});
    if (found->ledger.empty()) found->ledger = look.ledger;
    return *found;
}

void settle_site(Work& work, const SiteWork& site, Accounts& accounts, const ByLabel& nominations) {
    if (site.look == nullptr || site.look->finished.empty()) return;
    Settling settling(work, *site.site, accounts, nominations);
    Settled& settled = settled_of(work.memory().settled, *site.look);
    for (const RemoteRun& run : site.look->finished) {
        if (run.sequence <= settled.sequence) continue;
        settling.take(run);
        settled.sequence = run.sequence;
    }
}

void settle_sites(Work& work) {
    Accounts accounts(work.policy, work.memory(), work.snapshot.at, work.snapshot.utc_offset);
    ByLabel nominations;
    for (Nomination& one : work.memory().nominations) nominations.emplace(one.label, &one);
    for (const SiteWork& site : work.sites) settle_site(work, site, accounts, nominations);
}

// What becomes of one nomination by what is seen of its job and its run. Returns whether it is kept.
class Following {
  public:
    Following(Work& work, Nomination& nomination)
        : w_(work), n_(nomination), job_(work.job_of(nomination)), site_(work.site(nomination.site)) {}

    bool run() {
        if (job_ != nullptr && job_->label == n_.label) n_.job = job_->id;  // split off its array
        if (job_ == nullptr || n_.back) return n_.settled ? false : await_end();
        if (job_->state == JobState::kPending) return pending();
        if (site_of(w_.snapshot, *job_) == n_.site) {
            // It runs there again, with nothing set aside any more: take_up() begins anew.
            if (n_.settled && live_run(w_, n_) != nullptr) return false;
            n_.started_with = job_->restarts;
            n_.confirmed = true;
            n_.gone.reset();
            return true;
        }
        // Requeued, it has its whole list again while it is cleaned up.
        if (job_->state == JobState::kCompleting && n_.started_with) return true;
        return elsewhere();
    }

  private:
    bool pending() {
        if (waits(n_, *job_) && !n_.settled) {
            n_.gone.reset();
            return true;
        }
        // It has been there, or may have been between two looks.
        if (!n_.started_with) n_.started_with = n_.restarts;
        if (!n_.settled && answers() && live_run(w_, n_) != nullptr) {
            n_.gone.reset();
            return true;
        }
        if (n_.settled || withdrawn() || !await_end()) {
            if (!n_.settled && !withdrawn()) forgo();
            const OverflowRule* rule = w_.rule(n_.budget);
            const std::string why = "it has come back from " + n_.site;
            take_back(w_, n_, *job_, {why, why, rule != nullptr ? rule->stay : Duration{}});
        }
        return true;
    }

    // It runs at home, or at another site.
    bool elsewhere() {
        if (job_->state == JobState::kRunning && !job_->nominated.empty()) {
            const std::string why = "it has started in " + here();
            take_back(w_, n_, *job_, {why, why, {}});
            return true;
        }
        if (!n_.started_with || n_.settled) return false;
        n_.back = true;
        return true;
    }

    std::string here() const {
        return job_->partitions.empty()
                   ? "another partition"
                   : "partition " + w_.snapshot.partitions[job_->partitions.front()].name;
    }

    bool answers() const {
        return site_ != nullptr && site_->look != nullptr && site_->look->gateway_answers;
    }

    const RemoteRun* any_run() const {
        return find_run(site_, n_, [](const RemoteRun&) { return true; });
    }

    bool withdrawn() const {
        const RemoteRun* run = any_run();
        return run != nullptr && run->withdrawn;
    }

    // Whether its gateway may yet tell of a run. What is set aside stays so until then.
    bool await_end() {
        if (answers() && any_run() != nullptr) {
            n_.gone.reset();
            return true;
        }
        if (!n_.gone) n_.gone = w_.snapshot.at;
        if (w_.snapshot.at - *n_.gone >= kForgotten) return false;
        // How it ended may be among what has not been told for the number of it.
        return !answers() || site_->look->more || site_->look->heard <= *n_.gone;
    }

    // There was no run, so nothing is to be settled.
    void forgo() {
        n_.settled = true;
        n_.worst = {};
        n_.vouchers.clear();
    }

    Work& w_;
    Nomination& n_;
    const Job* job_;
    const SiteWork* site_;
};

}  // namespace

const OverflowRule* rule_for(const Work& work, const Site& site) {
    const auto found = std::ranges::find_if(work.policy.rules, [&](const OverflowRule& rule) {
        return rule.sites.empty() || std::ranges::find(rule.sites, site.name) != rule.sites.end();
    });
    return found != work.policy.rules.end() ? &*found : nullptr;
}

const RemoteRun* live_run(const Work& work, const Nomination& nomination) {
    return find_run(work.site(nomination.site), nomination, [](const RemoteRun& run) {
        return !run.withdrawn && run.stage != RunStage::kWithdrawing && run.stage != RunStage::kFinished;
    });
}

bool waits(const Nomination& nomination, const Job& job) {
    return job.state == JobState::kPending && !nomination.started_with && !nomination.back &&
           job.restarts == nomination.restarts;
}

void settle(Work& work) {
    Overflow& memory = work.memory();
    settle_sites(work);
    std::vector<Nomination> kept;
    kept.reserve(memory.nominations.size());
    for (Nomination& one : memory.nominations)
        if (Following(work, one).run()) kept.push_back(std::move(one));
    memory.nominations = std::move(kept);
    std::ranges::sort(memory.nominations, {},
                      [](const Nomination& one) { return std::tie(one.job, one.label); });
    const std::int64_t oldest = local_day(work.snapshot.at, work.snapshot.utc_offset) - kDaysKept;
    std::erase_if(memory.spendings, [&](const Spending& one) { return one.day < oldest; });
    std::ranges::sort(memory.spendings, {},
                      [](const Spending& one) { return std::tie(one.budget, one.site, one.day); });
    std::ranges::sort(memory.vouchers, {},
                      [](const VoucherUse& one) { return std::tie(one.site, one.voucher); });
    std::ranges::sort(memory.settled, {}, [](const Settled& one) { return std::tie(one.site, one.ledger); });
    std::erase_if(memory.rests, [&](const JobRest& rest) { return rest.until <= work.snapshot.at; });
    work.accounts = Accounts(work.policy, memory, work.snapshot.at, work.snapshot.utc_offset);
}

}  // namespace weir::policies::spill
