// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <cmath>
#include <utility>

#include "policies/overflow/tariff.h"
#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

constexpr std::int64_t kBytesASecondUnless = 50'000'000;  // where no file has moved yet
constexpr Money kAbsurd{1'000'000'000 * kMicrosPerUnit};

// What its whole time limit at home is at another type's speed.
Duration run_at(const Work& work, const Job& job, const std::string& type) {
    const double seconds = static_cast<double>(job.time_limit.count()) *
                           training_speed(work.types, work.home_type(job)) / training_speed(work.types, type);
    return Duration(static_cast<std::int64_t>(std::ceil(seconds - 1e-9)));
}

// GPUs and power, less what vouchers cover.
Money price_of(const Work& work, const Terms& terms, const PlaceReport& place, Gpus gpus, Money gpu_hour) {
    const GpuSeconds all = gpus * place.run;
    Money price = cost(all - std::min(all, place.vouchers), gpu_hour);
    if (!terms.power_included)
        price = plus(price, power_cost(terms.power, place.gpu_type, gpus,
                                       work.snapshot.at + place.wait + place.stage_in, place.run,
                                       work.snapshot.utc_offset));
    return price;
}

std::string too_dear(const Work& work, const OverflowRule& rule, const Job& job, Money worst) {
    if (worst >= kAbsurd) return "what it could cost there is beyond all bounds";
    if (job.overflow.max_cost && worst > *job.overflow.max_cost)
        return "it could cost " + priced(work, worst) + " there, and its user allows " +
               to_text(*job.overflow.max_cost);
    return work.accounts.lacks(rule, worst);
}

// How long files take between here and there.
Duration on_their_way(const SiteWork& there, Bytes size) {
    if (size.value <= 0) return {};
    const bool known = there.look != nullptr && there.look->bytes_per_second > 0;
    const std::int64_t rate = known ? there.look->bytes_per_second : kBytesASecondUnless;
    return Duration((size.value - 1) / rate + 1);
}

}  // namespace

Duration stage_in(const SiteWork& there, const Job& job) {
    return on_their_way(there, job.overflow.stage_in.value_or(Bytes{}));
}

PlaceReport home_place(const Work& work, const OverflowRule& rule, const Job& job,
                       const std::optional<Time>& forecast) {
    const Time at = work.snapshot.at;
    PlaceReport home;
    home.place = "home";
    home.gpu_type = work.home_type(job);
    const Duration waited = job.eligible ? std::max(Duration{}, at - *job.eligible) : Duration{};
    if (forecast && *forecast > at) {
        home.wait = *forecast - at;
        home.wait_from = "Slurm expects to start it at " + utc(*forecast);
    } else if (waited > rule.unknown_wait) {
        home.wait = waited;
        home.wait_from = "Slurm has no forecast; as long again as it has waited";
    } else {
        home.wait = rule.unknown_wait;
        home.wait_from = "Slurm has no forecast; unknown_wait of rule " + rule.name;
    }
    home.run = job.time_limit;
    const Gpus gpus = ask_of(job.request).all_gpus();
    const Money gpu_hour = work.policy.home.gpu_hour.of(home.gpu_type).value_or(Money{});
    home.price = price_of(work, work.policy.home, home, gpus, gpu_hour);
    home.time = cost(gpus * home.takes(), rule.value_of_time);
    return home;
}

Worst worst_of(const Work& work, const SiteWork& there, const std::string& gpu_type, Gpus gpus,
               const Job& job, Bytes egress) {
    const Terms& terms = there.site->terms;
    const Duration longest = job.time_limit + there.site->overtime;
    const GpuSeconds all = gpus * longest;
    const Time at = work.snapshot.at;
    const Time over = at + there.site->max_remote_wait + stage_in(there, job) + longest;
    Worst worst;
    worst.shares = work.accounts.cover(*there.site, gpu_type, job.account, all, over);
    worst.money = plus(cost(all - sum(worst.shares), terms.gpu_hour.of(gpu_type).value_or(Money{})),
                       cost(egress, terms.egress_gb));
    if (!terms.power_included)
        worst.money = plus(worst.money, dearest_power_cost(terms.power, gpu_type, gpus, at, over, longest,
                                                           work.snapshot.utc_offset));
    return worst;
}

const std::string& type_there(const SiteWork& there, const Job& job) {
    static const std::string kAny;
    if (!job.request.gpu_type.empty()) return job.request.gpu_type;
    return there.gpu_types.size() == 1 ? there.gpu_types.front() : kAny;
}

Ask ask_there(const SiteWork& there, const Job& job) {
    Ask ask = ask_of(job.request);
    ask.gpu_type = type_there(there, job);
    return ask;
}

Quote quote(const Work& work, const SiteWork& there, const OverflowRule& rule, const Job& job) {
    Quote quote;
    PlaceReport& place = quote.place;
    place.place = there.site->name;
    place.excluded = why_not_there(there, rule, job);
    if (!place.excluded.empty()) return quote;
    place.gpu_type = type_there(there, job);
    place.wait = there.look->typical_wait;
    place.wait_from = "what jobs sent there lately have waited";
    place.stage_in = stage_in(there, job);
    place.run = run_at(work, job, place.gpu_type);
    place.stage_out = on_their_way(there, rule.egress);
    const Ask ask = ask_there(there, job);
    const Gpus gpus = ask.all_gpus();
    const Money gpu_hour = there.site->terms.gpu_hour.of(place.gpu_type).value_or(Money{});
    Worst worst = worst_of(work, there, place.gpu_type, gpus, job, rule.egress);
    quote.gpus = static_cast<int>(gpus.value);
    quote.shares = std::move(worst.shares);
    // The run that is priced may take longer, or less long, than the worst.
    const Time done = work.snapshot.at + place.wait + place.stage_in + place.run;
    place.vouchers =
        sum(work.accounts.cover(*there.site, place.gpu_type, job.account, gpus * place.run, done));
    place.worst = worst.money;
    place.price = plus(price_of(work, there.site->terms, place, gpus, gpu_hour),
                       cost(rule.egress, there.site->terms.egress_gb));
    place.time = cost(gpus * place.takes(), rule.value_of_time);
    quote.reckoned = true;
    if (there.more <= 0) {
        place.excluded = why_full(there);
    } else if (!there.there.fits(ask)) {
        place.excluded = "it is too large for what is free there now";
    } else if (!there.here.fits(ask)) {
        place.excluded = "no gateway node of it has room for it now";
    } else {
        place.excluded = too_dear(work, rule, job, place.worst);
        quote.dear = !place.excluded.empty();
    }
    return quote;
}

}  // namespace weir::policies::spill
