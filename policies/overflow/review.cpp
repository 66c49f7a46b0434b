// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <tuple>
#include <utility>

#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

constexpr Duration kSeenWithin{30};       // after which Slurm's list holds what was written into it
constexpr Duration kAfterMeddling{3600};  // somebody took the site out of the list

bool has_partition(const Work& work, const Job& job, const std::string& name) {
    return std::ranges::any_of(
        job.partitions, [&](PartitionIndex index) { return work.snapshot.partitions[index].name == name; });
}

struct Standing {
    Nomination* nomination;
    const Job* job;
};

class Review {
  public:
    Review(Work& work, Nomination& nomination, const Job& job)
        : w_(work),
          n_(nomination),
          job_(job),
          rule_(work.rule(nomination.budget)),
          there_(work.site(n_.site)) {}

    void run() {
        const bool own = job_.label == n_.label;
        const bool in_force = own && job_.nominated == n_.site && has_partition(w_, job_, n_.partition);
        if (in_force) n_.confirmed = true;
        if (w_.frozen) return take_room();
        const Reason reason = judge(in_force);
        if (!reason.why.empty()) return take_back(w_, n_, job_, reason);
        compare();
        take_room();
        if (!in_force) w_.step(job_, nominate_step(w_, n_, job_), n_.why);
    }

  private:
    static Reason because(const std::string& why, Duration rest = {}) { return {why, why, rest}; }

    // Nothing where it shall stand.
    Reason judge(bool in_force) {
        if (there_ == nullptr) return because("weir.yaml has no site " + n_.site);
        if (rule_ == nullptr || w_.rule_of(job_) != rule_)
            return because("the overflow rule that let it go there does not cover it any more");
        if (!acts(*rule_)) return because("rule " + rule_->name + " only advises now");
        if (std::string why = why_not(job_); !why.empty()) return because(why, rule_->stay);
        const OverflowWish wish = wish_of(*rule_, job_);
        if (wish == OverflowWish::kNever) return because("it is no longer wished");
        const bool written = n_.confirmed && w_.snapshot.at - n_.since > kSeenWithin;
        if (written && !in_force)
            return because("somebody took the site out of its partitions", kAfterMeddling);
        w_.accounts.give_back(n_);
        const Quote now = quote(w_, *there_, *rule_, job_);
        now_ = now.place;
        if (now.place.excluded.empty()) {
            n_.gpus = now.gpus;
            n_.worst = now.place.worst;
            n_.egress = rule_->egress;
            n_.vouchers = now.shares;
        }
        w_.accounts.set_aside(n_);  // until it is taken back
        if (!now.place.excluded.empty())
            return {now.place.excluded, now.dear ? "it may cost too much there" : now.place.excluded,
                    rule_->stay};
        const PlaceReport home = home_place(w_, *rule_, job_, n_.home_start);
        if (wish != OverflowWish::kPrefer && now.place.total() > home.total())
            return because("home is better for it again: " + home.wait_from, rule_->stay);
        return {};
    }

    // For people: how it stands now.
    void compare() {
        if (w_.report().comparisons.size() >= kReported) return;
        const PlaceReport home = home_place(w_, *rule_, job_, n_.home_start);
        Comparison told{n_.job, n_.label, rule_->name, {home}, n_.site, n_.why};
        for (const SiteWork& site : w_.sites)
            told.places.push_back(&site == there_ ? now_ : quote(w_, site, *rule_, job_).place);
        w_.report().comparisons.push_back(std::move(told));
    }

    void take_room() {
        if (there_ == nullptr) return;
        const Ask ask = ask_there(*there_, job_);
        there_->there.take(ask);
        there_->here.take(ask);
        --there_->more;
    }

    Work& w_;
    Nomination& n_;
    const Job& job_;
    const OverflowRule* rule_;
    SiteWork* there_;
    PlaceReport now_;  // what it would take there
};

}  // namespace

Nominate nominate_step(const Work& work, const Nomination& nomination, const Job& job) {
    Nominate step;
    step.job = nomination.job;
    step.label = nomination.label;
    step.site = nomination.site;
    step.partition = nomination.partition;
    step.partitions = work.home_of(job);
    step.partitions.push_back(nomination.partition);
    step.token = nomination.site + "@" + work.memory().installation;
    step.rule = nomination.budget;
    step.told = "it may start at site " + nomination.site +
                ", too, where it should be done sooner or for less; Slurm starts it where it first can";
    return step;
}

void take_back(Work& work, const Nomination& nomination, const Job& job, const Reason& reason) {
    TakeBack step;
    step.job = nomination.job;
    step.label = nomination.label;
    step.site = nomination.site;
    step.partition = nomination.partition;
    step.partitions = work.home_of(job);
    std::erase(step.partitions, nomination.partition);  // of a site that weir.yaml no longer has, too
    // While it waited for its own copy it had no partition but the site's.
    if (step.partitions.empty()) step.partitions = nomination.home;
    if (nomination.extended && nomination.limit > Duration{}) step.limit = nomination.limit;
    step.told = "it may no longer start at site " + nomination.site + ": " + reason.told;
    std::ranges::replace(step.told, ']', ')');  // that would end what is told
    work.step(job, step, reason.why);
    if (!work.frozen && reason.rest > Duration{})
        set_rest(work.memory(),
                 {nomination.job, nomination.label, work.snapshot.at + reason.rest, reason.why});
}

void review(Work& work) {
    std::vector<Standing> standing;
    for (Nomination& one : work.memory().nominations) {
        const Job* job = work.job_of(one);
        if (job != nullptr && waits(one, *job) && !one.settled) standing.push_back({&one, job});
    }
    std::ranges::sort(standing, [](const Standing& a, const Standing& b) {
        return std::tie(b.job->priority, a.nomination->job, a.nomination->label) <
               std::tie(a.job->priority, b.nomination->job, b.nomination->label);
    });
    for (const Standing& one : standing) Review(work, *one.nomination, *one.job).run();
}

}  // namespace weir::policies::spill
