// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/rest/model.h"

namespace weir::rest {

const char* to_text(Trouble trouble) {
    switch (trouble) {
    case Trouble::kUnreachable:
        return "unreachable";
    case Trouble::kUnsure:
        return "unsure";
    case Trouble::kUnauthorized:
        return "unauthorized";
    case Trouble::kRefused:
        return "refused";
    case Trouble::kGarbage:
        return "garbage";
    case Trouble::kNotFound:
        return "not found";
    }
    return "?";
}

const char* to_text(State state) {
    switch (state) {
    case State::kPending:
        return "PENDING";
    case State::kRunning:
        return "RUNNING";
    case State::kSuspended:
        return "SUSPENDED";
    case State::kCompleting:
        return "COMPLETING";
    case State::kCompleted:
        return "COMPLETED";
    case State::kFailed:
        return "FAILED";
    case State::kCancelled:
        return "CANCELLED";
    case State::kTimeout:
        return "TIMEOUT";
    case State::kNodeFail:
        return "NODE_FAIL";
    case State::kOutOfMemory:
        return "OUT_OF_MEMORY";
    case State::kPreempted:
        return "PREEMPTED";
    case State::kDeadline:
        return "DEADLINE";
    case State::kBootFail:
        return "BOOT_FAIL";
    case State::kUnknown:
        return "UNKNOWN";
    }
    return "?";
}

bool ended(State state) {
    switch (state) {
    case State::kPending:
    case State::kRunning:
    case State::kSuspended:
    case State::kCompleting:
    case State::kUnknown:
        return false;
    default:
        return true;
    }
}

std::string Version::text() const {
    return "v0.0." + std::to_string(number);
}

}  // namespace weir::rest
