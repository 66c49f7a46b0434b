// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

constexpr Duration kSoon{60};         // what starts at home within it is not sent anywhere
constexpr std::size_t kTasks = 1000;  // of one array that are looked at
constexpr int kAtOnce = 50;           // nominations in a cycle: each is a write that holds up backfill

bool starts_soon_at_home(const Job& job, Time at) {
    if (job.expected_start) return *job.expected_start <= at + kSoon;
    const bool untried = job.reason.empty() || job.reason == "None";
    return untried && job.eligible && at - *job.eligible < kSoon;
}

// To the hundredth, where that says enough.
Money rounded(Money money) {
    constexpr std::int64_t kHundredth = kMicrosPerUnit / 100;
    if (money.value < 10 * kHundredth) return money;
    return Money{(money.value + kHundredth / 2) / kHundredth * kHundredth};
}

std::string gpu_hours(GpuSeconds work) {
    if (work.value < 360) return std::to_string(work.value) + " GPU-seconds";
    const std::int64_t tenths = (work.value + 180) / 360;
    const std::string text = std::to_string(tenths / 10);
    return (tenths % 10 == 0 ? text : text + "." + std::to_string(tenths % 10)) +
           (tenths == 10 ? " GPU-hour" : " GPU-hours");
}

std::string takes_and_costs(const Work& work, const PlaceReport& place) {
    return "is done in " + to_text(place.takes()) + " for " + priced(work, rounded(place.price)) +
           (place.vouchers.value > 0 ? " and " + gpu_hours(place.vouchers) + " of vouchers" : "") + " (" +
           to_text(rounded(place.total())) + " with its time)";
}

// One job that is compared, and nominated if it is time.
class Choice {
  public:
    Choice(Work& work, const Candidate& candidate, const std::vector<Leaning>& before,
           std::vector<Leaning>& after)
        : w_(work), job_(*candidate.job), rule_(*candidate.rule), before_(before), after_(after) {}

    Comparison run() {
        told_.job = job_.id;
        told_.label = job_.label;
        told_.rule = rule_.name;
        const PlaceReport home = home_place(w_, rule_, job_, job_.expected_start);
        told_.places.push_back(home);
        for (SiteWork& there : w_.sites) {
            quotes_.push_back(quote(w_, there, rule_, job_));
            told_.places.push_back(quotes_.back().place);
        }
        choose(home);
        return std::move(told_);
    }

  private:
    bool prefers() const { return wish_of(rule_, job_) == OverflowWish::kPrefer; }

    bool better(const PlaceReport& place, const PlaceReport& home) const {
        return prefers() || static_cast<double>(place.total().value) <=
                                static_cast<double>(home.total().value) * (1 - rule_.better);
    }

    // Since when it has been better there.
    Time since(const std::string& site) {
        const auto key = std::tie(job_.id, site);
        const auto key_of = [](const Leaning& one) { return std::tie(one.job, one.site); };
        const auto place = std::ranges::lower_bound(before_, key, {}, key_of);
        const bool known = place != before_.end() && key_of(*place) == key;
        after_.push_back({job_.id, site, known ? place->since : w_.snapshot.at});
        return after_.back().since;
    }

    void choose(const PlaceReport& home) {
        const Quote* best = nullptr;   // of those where it can go now
        const Quote* found = nullptr;  // of all that have figures
        Time best_since{};
        for (const Quote& one : quotes_) {
            if (!one.reckoned) continue;
            if (found == nullptr || one.place.total() < found->place.total()) found = &one;
            if (!better(one.place, home)) continue;
            const Time from = since(one.place.place);
            if (!one.place.excluded.empty()) continue;
            if (best != nullptr && best->place.total() <= one.place.total()) continue;
            best = &one;
            best_since = from;
        }
        const Time at = w_.snapshot.at;
        if (const JobRest* rest = find_rest(w_.memory(), job_.id, job_.label)) {
            told_.why = "it is left alone for another " + to_text(rest->until - at) + ": " + rest->why;
        } else if (best == nullptr) {
            told_.why = why_stays(found, home);
        } else if (starts_soon_at_home(job_, at)) {
            told_.why = "it is about to start at home";
        } else if (!prefers() && at - best_since < rule_.stay) {
            told_.why = best->place.place + " is better for it, and must be so for another " +
                        to_text(rule_.stay - (at - best_since));
        } else if (w_.nominated >= kAtOnce) {
            told_.why = best->place.place + " is better for it; others are nominated first";
        } else {
            send(*best, home);
        }
    }

    std::string why_stays(const Quote* found, const PlaceReport& home) const {
        if (found != nullptr && !found->place.excluded.empty())
            return found->place.place + ": " + found->place.excluded;
        if (found != nullptr)
            return "at " + found->place.place + " it " + takes_and_costs(w_, found->place) + ", at home it " +
                   takes_and_costs(w_, home) + ": not better by " +
                   std::to_string(std::lround(rule_.better * 100)) + "%";
        if (quotes_.size() == 1) return quotes_.front().place.place + ": " + quotes_.front().place.excluded;
        return "no site takes it";
    }

    void send(const Quote& best, const PlaceReport& home) {
        told_.chosen = best.place.place;
        told_.why = "at " + best.place.place + " it " + takes_and_costs(w_, best.place) + ", at home it " +
                    takes_and_costs(w_, home) + " (" + home.wait_from + ")";
        if (w_.frozen || !acts(rule_) || w_.memory().installation.empty()) return;
        SiteWork& there = *w_.site(best.place.place);
        Quote now = best;
        int sent = 0;
        for (const std::string& label : labels()) {
            if (sent > 0) now = quote(w_, there, rule_, job_);
            if (!now.place.excluded.empty() || w_.nominated >= kAtOnce) break;
            nominate(there, now, label);
            ++sent;
        }
        if (sent > 0) return;
        told_.chosen.clear();
        told_.why =
            "as many of its tasks as may run at a time are nominated or at sites already, or left alone for "
            "now";
    }

    // Its own, or those of its tasks that may start and are not nominated yet.
    std::vector<std::string> labels() const {
        if (job_.label.find('[') == std::string::npos) return {job_.label};
        const std::string array = job_.label.substr(0, job_.label.find('_') + 1);
        const auto most = std::min(kTasks, static_cast<std::size_t>(may_start(array)));
        std::vector<std::string> labels;
        for (const int task : first_tasks(job_.label, most + w_.memory().nominations.size())) {
            const std::string label = array + std::to_string(task);
            if (labels.size() == most) break;
            if (find_nomination(w_.memory(), job_.id, label) == nullptr &&
                find_rest(w_.memory(), job_.id, label) == nullptr)
                labels.push_back(label);
        }
        return labels;
    }

    // How many of an array's tasks may start beside those that are nominated, or at sites, already.
    int may_start(const std::string& array) const {
        const int count = std::max(1, job_.count);
        if (job_.array_limit <= 0) return count;
        const auto standing = std::ranges::count_if(w_.memory().nominations, [&](const Nomination& one) {
            return !one.settled && one.user == job_.user && one.label.starts_with(array);
        });
        return std::clamp(job_.array_limit - static_cast<int>(standing), 0, count);
    }

    void nominate(SiteWork& there, const Quote& quote, const std::string& label) {
        Nomination one;
        one.job = job_.id;
        one.submitted = job_.submitted;
        one.label = label;
        one.user = job_.user;
        one.site = there.site->name;
        one.partition = there.site->partition;
        one.home = w_.home_of(job_);
        one.budget = rule_.name;
        one.since = w_.snapshot.at;
        one.restarts = job_.restarts;
        one.limit = job_.time_limit;
        one.home_start = job_.expected_start;
        one.gpus = quote.gpus;
        one.worst = quote.place.worst;
        one.egress = rule_.egress;
        one.vouchers = quote.shares;
        one.why = told_.why;
        w_.accounts.set_aside(one);
        const Ask ask = ask_there(there, job_);
        there.there.take(ask);
        there.here.take(ask);
        --there.more;
        ++w_.nominated;
        w_.step(job_, nominate_step(w_, one, job_), one.why);
        set_nomination(w_.memory(), std::move(one));
    }

    Work& w_;
    const Job& job_;
    const OverflowRule& rule_;
    const std::vector<Leaning>& before_;
    std::vector<Leaning>& after_;
    std::vector<Quote> quotes_;
    Comparison told_;
};

}  // namespace

Comparison compare(Work& work, const Candidate& candidate) {
    std::vector<Leaning> after;
    return Choice(work, candidate, work.memory().leanings, after).run();
}

void nominate(Work& work) {
    const std::vector<Candidate> found = candidates(work);
    const std::vector<Leaning> before = std::move(work.memory().leanings);
    std::vector<Leaning> after;
    for (const Candidate& one : found) {
        Comparison told = Choice(work, one, before, after).run();
        if (work.report().comparisons.size() < kReported)
            work.report().comparisons.push_back(std::move(told));
    }
    std::ranges::sort(after, {}, [](const Leaning& one) { return std::tie(one.job, one.site); });
    work.memory().leanings = std::move(after);
}

}  // namespace weir::policies::spill
