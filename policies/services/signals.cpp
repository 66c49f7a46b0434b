// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/services/signals.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "policies/services/services.h"

namespace weir::policies {
namespace {

// More than this times what the service may have at most is not a load but a fault.
constexpr double kAbsurd = 100;

double asked(const Signal& signal, double value, int gpus) {
    return std::ceil((value - signal.target) * signal.gpus_per_unit / gpus);
}

// Why a sample tells nothing; empty if it does.
std::string fault(const ServiceRule& rule, const Signal& signal, double value, int gpus) {
    if (std::isnan(value)) return "is not a number (NaN)";
    if (std::isinf(value)) return "is infinite";
    if (value < 0) return "is negative (" + number_text(value) + ")";
    if (asked(signal, value, gpus) > kAbsurd * std::max(rule.max, 1))
        return "is absurd (" + number_text(value) + " asks for over a hundred times the replicas allowed)";
    return {};
}

// Why a signal is not heeded; empty if it is.
std::string fault(const ServiceRule& rule, const Signal& signal, const SignalLook* look, Time at, int gpus) {
    if (look == nullptr) return "has not been asked yet";
    if (!look->latest) return look->problem.empty() ? "has not been asked yet" : look->problem;
    const Duration age = at - look->latest->at;
    if (age > kStalePeriods * rule.period)
        return "is " + to_text(age) + " old" + (look->problem.empty() ? "" : ": " + look->problem);
    return fault(rule, signal, look->latest->value, gpus);
}

// What two samples in a row ask for.
int asks(const ServiceRule& rule, const Signal& signal, const SignalLook& look, int gpus, Time settled) {
    if (!look.before || look.before->at < settled || look.before->at >= look.latest->at ||
        look.latest->at - look.before->at > kStalePeriods * rule.period ||
        !fault(rule, signal, look.before->value, gpus).empty())
        return 0;
    const double least = std::min(look.before->value, look.latest->value);
    return static_cast<int>(std::max(0.0, asked(signal, least, gpus)));
}

}  // namespace

std::string number_text(double value) {
    std::array<char, 32> text{};
    const auto end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 4);
    return {text.data(), end.ptr};
}

Heard listen(const ServiceRule& rule, const ServiceLook* look, Time at, int gpus, Time settled) {
    Heard heard;
    heard.quiet = !rule.signals.empty();
    for (std::size_t i = 0; i < rule.signals.size(); ++i) {
        const Signal& signal = rule.signals[i];
        const SignalLook* seen = look != nullptr && i < look->signals.size() ? &look->signals[i] : nullptr;
        SignalReport report;
        report.name = signal.name;
        report.target = signal.target;
        if (seen != nullptr) report.sample = seen->latest;
        report.problem = fault(rule, signal, seen, at, gpus);
        if (!report.problem.empty()) {
            if (heard.unheard.empty()) heard.unheard = signal.name + " " + report.problem;
            heard.quiet = false;
        } else {
            report.asks = asks(rule, signal, *seen, gpus, settled);
            heard.quiet = heard.quiet && seen->latest->value < kLow * signal.target;
            if (report.asks > heard.asks) {
                heard.asks = report.asks;
                heard.loudest = signal.name + " is " + number_text(seen->latest->value) + ", target " +
                                number_text(signal.target);
            }
        }
        heard.signals.push_back(std::move(report));
    }
    return heard;
}

}  // namespace weir::policies
