// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace weir::policies {

// How far a rule goes.
enum class Mode {
    kAdvise,  // plan and explain, change nothing
    kAct,
};

}  // namespace weir::policies
