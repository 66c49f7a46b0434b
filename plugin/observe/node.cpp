// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/observe.h"

namespace weir::observe {

NodeState to_state(std::uint32_t state) {
    switch (state & NODE_STATE_BASE) {
    case NODE_STATE_IDLE:
    case NODE_STATE_ALLOCATED:
    case NODE_STATE_MIXED:
        break;
    case NODE_STATE_UNKNOWN:
        return NodeState::kUnknown;
    default:
        return NodeState::kDown;
    }
    if ((state & (NODE_STATE_DRAIN | NODE_STATE_FAIL | NODE_STATE_MAINT | NODE_STATE_REBOOT_REQUESTED |
                  NODE_STATE_REBOOT_ISSUED | NODE_STATE_POWER_DRAIN)) != 0)
        return NodeState::kDraining;
    if ((state & NODE_STATE_POWERING_UP) != 0) return NodeState::kPoweringUp;
    if ((state & (NODE_STATE_POWERING_DOWN | NODE_STATE_POWER_DOWN)) != 0) return NodeState::kDown;
    if ((state & NODE_STATE_POWERED_DOWN) != 0) return NodeState::kPoweredDown;
    if ((state & (NODE_STATE_NO_RESPOND | NODE_STATE_INVALID_REG)) != 0) return NodeState::kUnknown;
    return NodeState::kUp;
}

}  // namespace weir::observe
