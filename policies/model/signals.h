// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <optional>

#include "policies/model/units.h"

namespace weir {

// How a job wants to be told that it has to leave. Signals by number.
struct NoticeSignal {
    int number = 0;
    bool batch_only = false;         // to the batch script alone; else to all steps and not to the script
    std::optional<Duration> within;  // it is gone so long after it, says its user; absent: not said

    bool operator==(const NoticeSignal&) const = default;
};

// How a job saves its work, as its user declared it: on the signal to its batch script it saves and has
// itself requeued within `within`.
struct Checkpoint {
    int signal = 0;
    Duration within{};
    std::optional<Duration> every;   // how often it saves by itself; absent: not said
    std::optional<Duration> reload;  // how long a restart takes until it works on; absent: not said

    bool operator==(const Checkpoint&) const = default;
};

}  // namespace weir
