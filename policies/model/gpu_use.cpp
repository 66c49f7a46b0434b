// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/gpu_use.h"

#include <algorithm>

namespace weir {

const char* to_text(Verdict verdict) {
    switch (verdict) {
    case Verdict::kBusy:
        return "busy";
    case Verdict::kStarting:
        return "starting";
    case Verdict::kIdle:
        return "idle";
    case Verdict::kEmpty:
        return "empty";
    case Verdict::kHung:
        return "hung";
    case Verdict::kUnknown:
        break;
    }
    return "unknown";
}

int JobUse::wasting() const {
    return static_cast<int>(std::ranges::count_if(gpus, is_waste, &GpuVerdict::verdict));
}

}  // namespace weir
