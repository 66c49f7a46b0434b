// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/service.h"

#include <algorithm>

namespace weir {

const char* to_text(ReplicaStage stage) {
    switch (stage) {
    case ReplicaStage::kWaiting:
        return "waiting";
    case ReplicaStage::kStarting:
        return "starting";
    case ReplicaStage::kReady:
        return "ready";
    case ReplicaStage::kDraining:
        return "draining";
    }
    return "";
}

int ServiceReport::count(ReplicaStage stage) const {
    return static_cast<int>(std::ranges::count(replicas, stage, &ReplicaReport::stage));
}

}  // namespace weir
