// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/idle/judge.h"

#include <algorithm>
#include <array>

namespace weir::policies {
namespace {

constexpr int kStalePeriods = 3;  // a GPU not seen for so many sample periods is not known any more

// Idle draw at the driver's default clocks, of NVIDIA's SXM boards.
constexpr std::array<std::pair<std::string_view, int>, 2> kShipped{{{"h100", 70}, {"a100", 50}}};

std::string lower(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

std::string watts(const std::optional<Watts>& power) {
    return power ? std::to_string(power->value) + " W" : "power not known";
}

std::string percent(const GpuWindow& window) {
    if (!window.utilisation_max) return "utilisation not known";
    const int least = window.utilisation_min.value_or(*window.utilisation_max);
    const std::string most = std::to_string(*window.utilisation_max) + " %";
    return "utilisation " + (least == *window.utilisation_max ? most : std::to_string(least) + "-" + most);
}

// One GPU while it is judged.
class Bench {
  public:
    Bench(const Snapshot& snapshot, const Job& job, const GpuUse& use, const IdleRule& rule,
          std::optional<Watts> reference)
        : snapshot_(snapshot),
          use_(use),
          rule_(rule),
          reference_(reference),
          suspended_(job.suspended),
          age_(job.started ? snapshot.at - *job.started : Duration{}) {}

    GpuVerdict judge() {
        if (suspended_) return is(Verdict::kUnknown, {}, "the job is suspended");
        if (!use_.contradiction.empty()) return is(Verdict::kUnknown, {}, use_.contradiction);
        if (age_ < rule_.grace)
            return is(Verdict::kStarting, {},
                      "runs for " + to_text(age_) + " of " + to_text(rule_.grace) + " grace");
        if (!use_.sampled) return is(Verdict::kUnknown, {}, "no sample of it");
        const Duration silent = snapshot_.at - *use_.sampled;
        if (silent > kStalePeriods * snapshot_.sample_period)
            return is(Verdict::kUnknown, {}, "no sample for " + to_text(silent));
        if (auto verdict = empty()) return *verdict;
        if (auto verdict = hung()) return *verdict;
        return idle();
    }

  private:
    GpuVerdict is(Verdict verdict, Duration window, std::string evidence) const {
        return {snapshot_.nodes[use_.node].name, use_.index, verdict, snapshot_.at - window,
                std::move(evidence)};
    }

    // The window of that length, if samples cover enough of it and all of it lies within the job's time.
    const GpuWindow* full(Duration length) const {
        const GpuWindow* window = find(length);
        return window != nullptr && age_ >= length && window->covered >= rule_.samples ? window : nullptr;
    }

    const GpuWindow* find(Duration length) const {
        const auto at = std::ranges::lower_bound(snapshot_.gpu_windows, length);
        if (at == snapshot_.gpu_windows.end() || *at != length) return nullptr;
        const auto position = static_cast<std::size_t>(at - snapshot_.gpu_windows.begin());
        return position < use_.windows.size() ? &use_.windows[position] : nullptr;
    }

    std::optional<GpuVerdict> empty() const {
        const GpuWindow* window = full(rule_.empty);
        if (window == nullptr || window->processes_max != 0) return std::nullopt;
        if (window->utilisation_max > rule_.utilisation)
            return is(Verdict::kUnknown, {}, "no process, and yet " + percent(*window));
        return is(Verdict::kEmpty, rule_.empty, "no process for " + to_text(rule_.empty));
    }

    std::optional<GpuVerdict> hung() const {
        const GpuWindow* window = full(rule_.hung);
        if (window == nullptr || !window->utilisation_min || !window->power_max || !reference_ ||
            !use_.power_limit || *window->utilisation_min < rule_.hung_utilisation)
            return std::nullopt;
        const auto range = use_.power_limit->value - reference_->value;
        if (100 * (window->power_max->value - reference_->value) > rule_.hung_power * range)
            return std::nullopt;
        return is(Verdict::kHung, rule_.hung,
                  percent(*window) + " at no more than " + watts(window->power_max) + " of " +
                      watts(use_.power_limit) + " for " + to_text(rule_.hung));
    }

    GpuVerdict idle() const {
        const GpuWindow* window = full(rule_.window);
        if (window == nullptr) return not_covered();
        if (!window->utilisation_max) return is(Verdict::kUnknown, {}, "its utilisation is not told");
        if (*window->utilisation_max > rule_.utilisation) return busy(*window);
        if (!window->power_max)
            return is(Verdict::kUnknown, {}, percent(*window) + ", but its power is not told");
        if (!reference_)
            return is(Verdict::kUnknown, {},
                      percent(*window) + ", but what a GPU of type " +
                          (use_.type.empty() ? use_.model : use_.type) +
                          " draws when idle is not known (gpu_types in weir.yaml)");
        if (100 * window->power_max->value > rule_.power * reference_->value)
            return is(Verdict::kUnknown, {},
                      percent(*window) + " does not go with " + watts(window->power_max) +
                          " (idle: " + watts(reference_) + ")");
        return is(Verdict::kIdle, rule_.window,
                  percent(*window) + " at no more than " + watts(window->power_max) + " for " +
                      to_text(rule_.window));
    }

    // Too young or too seldom seen: a GPU that was seen at work is busy all the same.
    GpuVerdict not_covered() const {
        const GpuWindow* window = age_ < rule_.window ? &use_.since_start : find(rule_.window);
        if (window != nullptr && window->utilisation_max > rule_.utilisation) return busy(*window);
        if (age_ < rule_.window)
            return is(
                Verdict::kStarting, {},
                "runs for " + to_text(age_) + " of the " + to_text(rule_.window) + " that a verdict takes");
        return is(Verdict::kUnknown, {},
                  "samples cover " + std::to_string(window != nullptr ? window->covered : 0) +
                      " % of the last " + to_text(rule_.window));
    }

    GpuVerdict busy(const GpuWindow& window) const { return is(Verdict::kBusy, {}, percent(window)); }

    const Snapshot& snapshot_;
    const GpuUse& use_;
    const IdleRule& rule_;
    std::optional<Watts> reference_;
    bool suspended_;
    Duration age_;
};

}  // namespace

std::optional<Watts> idle_reference(const GpuTypeTable& types, const std::string& type,
                                    const std::string& model) {
    if (const auto exact = types.find(type); exact != types.end() && exact->second.idle_watts)
        return exact->second.idle_watts;
    const std::string names = lower(type) + "\n" + lower(model);
    for (const auto& [name, known] : types)
        if (known.idle_watts && !name.empty() && names.find(lower(name)) != std::string::npos)
            return known.idle_watts;
    for (const auto& [name, idle] : kShipped)
        if (names.find(name) != std::string::npos) return Watts{idle};
    return std::nullopt;
}

GpuVerdict judge(const Snapshot& snapshot, const Job& job, const GpuUse& use, const IdleRule& rule,
                 const GpuTypeTable& types) {
    return Bench(snapshot, job, use, rule, idle_reference(types, use.type, use.model)).judge();
}

}  // namespace weir::policies
