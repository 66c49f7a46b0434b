// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>
#include <string>

#include "policies/model/service.h"
#include "policies/services/rule.h"

namespace weir::policies {

// What a service's signals say at one moment.
struct Heard {
    std::vector<SignalReport> signals;  // in the order of the rule
    int asks = 0;         // replicas beyond those that are ready: the most that one signal wants
    std::string loudest;  // what that signal says, in one clause; empty if none asks
    std::string unheard;  // a signal that is not heeded and why; empty if all are
    bool quiet = false;   // all are known and low
};

// `gpus` are those of a replica; samples of before `settled` are of another number of replicas.
Heard listen(const ServiceRule& rule, const ServiceLook* look, Time at, int gpus, Time settled);

// "37", "0.85": for sentences.
std::string number_text(double value);

}  // namespace weir::policies
