// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/overflow/tariff.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace weir::policies {
namespace {

using std::chrono::days;
using std::chrono::minutes;

constexpr int kWeek = 7;
constexpr double kWattSecondsAKwh = 3'600'000;

Money kwh_at(const PowerTerms& power, Time at, Duration utc_offset) {
    for (const TariffBand& band : power.tariff)
        if (!band.hours || within({*band.hours}, at, utc_offset)) return band.kwh;
    return {};
}

// The next time after `at` at which a band may begin or end, midnight included.
class Boundaries {
  public:
    Boundaries(const PowerTerms& power, Duration utc_offset) : utc_offset_(utc_offset), of_day_{minutes{0}} {
        for (const TariffBand& band : power.tariff) {
            if (!band.hours) continue;
            of_day_.insert(band.hours->from);
            if (band.hours->to < days{1}) of_day_.insert(band.hours->to);
        }
    }

    Time after(Time at) const {
        const Time local = at + utc_offset_;
        const auto midnight = std::chrono::floor<days>(local);
        for (const minutes boundary : of_day_)
            if (midnight + boundary > local) return Time(midnight + boundary) - utc_offset_;
        return Time(midnight + days{1}) - utc_offset_;
    }

  private:
    Duration utc_offset_;
    std::set<minutes> of_day_;
};

double watts(const PowerTerms& power, const std::string& gpu_type, Gpus gpus) {
    const auto found = power.watts.find(gpu_type);
    const int each = found != power.watts.end() ? found->second : power.other_watts;
    return static_cast<double>(gpus.value) * each * power.pue;
}

Money rounded_up(double micros) {
    constexpr double kMost = 9e18;
    // What is within a millionth of a millionth of a whole number is that number.
    return Money{static_cast<std::int64_t>(std::ceil(std::clamp(micros - 1e-6, 0.0, kMost)))};
}

}  // namespace

Money power_cost(const PowerTerms& power, const std::string& gpu_type, Gpus gpus, Time from, Duration length,
                 Duration utc_offset) {
    if (power.tariff.empty() || length <= Duration{}) return {};
    const Boundaries boundaries(power, utc_offset);
    // Seconds times the price of a kWh.
    const auto over = [&](Duration time) {
        double sum = 0;
        for (Time at = from; at < from + time;) {
            const Time next = std::min(from + time, boundaries.after(at));
            sum += static_cast<double>((next - at).count()) *
                   static_cast<double>(kwh_at(power, at, utc_offset).value);
            at = next;
        }
        return sum;
    };
    constexpr Duration kOneWeek = days{kWeek};
    double sum = over(length % kOneWeek);
    if (length >= kOneWeek) sum += static_cast<double>(length / kOneWeek) * over(kOneWeek);
    return rounded_up(watts(power, gpu_type, gpus) * sum / kWattSecondsAKwh);
}

Money dearest_power_cost(const PowerTerms& power, const std::string& gpu_type, Gpus gpus, Time from,
                         Time until, Duration length, Duration utc_offset) {
    if (power.tariff.empty() || length <= Duration{}) return {};
    const Boundaries boundaries(power, utc_offset);
    Money kwh;
    // After a week it all comes again.
    const Time end = std::min(until, from + days{kWeek + 1});
    for (Time at = from; at < end; at = boundaries.after(at))
        kwh = std::max(kwh, kwh_at(power, at, utc_offset));
    return rounded_up(watts(power, gpu_type, gpus) * static_cast<double>(length.count()) *
                      static_cast<double>(kwh.value) / kWattSecondsAKwh);
}

std::optional<Time> next_change(const PowerTerms& power, Time at, Duration utc_offset) {
    if (power.tariff.empty()) return std::nullopt;
    const Boundaries boundaries(power, utc_offset);
    const Money now = kwh_at(power, at, utc_offset);
    for (Time next = boundaries.after(at); next < at + days{kWeek + 1}; next = boundaries.after(next))
        if (kwh_at(power, next, utc_offset) != now) return next;
    return std::nullopt;
}

}  // namespace weir::policies
