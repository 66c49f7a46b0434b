// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/move.h"

#include <algorithm>

namespace weir {

const char* to_text(MoveStage stage) {
    switch (stage) {
    case MoveStage::kHold:
        return "holding";
    case MoveStage::kSave:
        return "saving";
    case MoveStage::kPin:
        return "pinning";
    case MoveStage::kStart:
        return "starting";
    case MoveStage::kFree:
        return "freeing";
    case MoveStage::kUndo:
        break;
    }
    return "undoing";
}

GpuSeconds Move::lost() const {
    if (!asked || !requeued) return {};
    return gpus * std::max(Duration::zero(), started.value_or(*requeued) - *asked);
}

void set_rest(Consolidation& consolidation, const std::string& goal, Time until) {
    auto& rests = consolidation.rests;
    std::erase_if(rests, [&](const GoalRest& one) { return one.goal == goal; });
    rests.insert(std::ranges::lower_bound(rests, goal, {}, &GoalRest::goal), {goal, until});
}

bool is_of_consolidation(const std::string& reservation) {
    return reservation.starts_with("weir_move_") || reservation.starts_with("weir_clear_");
}

}  // namespace weir
