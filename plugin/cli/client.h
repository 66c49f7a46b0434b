// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>

#include "plugin/cli/read.h"

namespace weir::cli {

// What came of a question to weirctld.
struct Answer {
    enum class Kind {
        kResult,       // `result` holds it
        kRefused,      // weirctld says no: `message` is its sentence
        kUnreachable,  // there is no answer: `message` says why
    };
    Kind kind = Kind::kUnreachable;
    json result;
    std::string message;
    std::string code;  // of a refusal, as plugin/controller/view.h lists them
};

// Sends one request to weirctld's control socket and waits for the answer, at most `patience` in all.
Answer ask(const std::string& socket_path, const json& request, std::chrono::milliseconds patience);

}  // namespace weir::cli
