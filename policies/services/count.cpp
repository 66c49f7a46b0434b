// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/services/work.h"

#include <algorithm>
#include <cmath>

#include "policies/services/services.h"

namespace weir::policies {

void Work::predict() {
    if (!rule_.predict) return;
    if (look_ == nullptr || !look_->predicted) {
        report_.prediction_problem = look_ == nullptr ? "not asked yet" : look_->prediction_problem;
        return;
    }
    const double replicas = std::ceil(*look_->predicted / rule_.predict->per_replica);
    report_.predicted = static_cast<int>(std::clamp<double>(replicas, 0, rule_.max));
}

void Work::want(int count, std::string why) {
    if (state_.wanted == count) return;
    state_.wanted = count;
    state_.changed = at_;
    state_.why = std::move(why);
}

void Work::decide(const Heard& heard) {
    if (state_.pin && state_.pin->until && *state_.pin->until <= at_) state_.pin.reset();
    if (!state_.wanted)
        want(std::clamp(present(), rule_.min, rule_.max),
             present() > rule_.min ? "so many were there" : "the service begins");
    if (state_.pin) {
        state_.quiet.reset();
        return want(std::min(state_.pin->count, rule_.max), "pinned by " + state_.pin->by);
    }
    const int floor = std::max(rule_.min, report_.predicted.value_or(0));
    const int now = *state_.wanted;
    if (now > rule_.max)
        want(rule_.max, "replicas.max is " + std::to_string(rule_.max));
    else if (now < floor)
        want(floor, floor > rule_.min
                        ? "so many are expected to be needed " + to_text(rule_.predict->ahead) + " from now"
                        : "replicas.min is " + std::to_string(floor));
    rise(heard);
    fall(heard, floor);
    if (!heard.unheard.empty()) report_.held = heard.unheard + "; the count is not lowered meanwhile";
}

void Work::rise(const Heard& heard) {
    const int now = *state_.wanted;
    const int add = std::min(heard.asks - std::max(0, now - ready()), rule_.most_up);
    if (add <= 0) return;
    const std::string asks = heard.loudest + ": asks for " + counted(heard.asks) + " more";
    if (now >= rule_.max) {
        report_.held = asks + ", and replicas.max is " + std::to_string(rule_.max);
        return;
    }
    want(std::min(now + add, rule_.max), "raised from " + std::to_string(now) + ": " + asks);
}

void Work::fall(const Heard& heard, int floor) {
    if (!heard.quiet) return state_.quiet.reset();
    if (!state_.quiet) state_.quiet = at_;
    const int now = *state_.wanted;
    if (at_ - *state_.quiet < rule_.down_after || now <= floor) return;
    state_.quiet = at_;
    want(std::max(floor, now - rule_.most_down), "lowered from " + std::to_string(now) +
                                                     ": every signal was below " + number_text(kLow) +
                                                     " of its target for " + to_text(rule_.down_after));
}

}  // namespace weir::policies
