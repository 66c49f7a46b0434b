// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>

#include "policies/model/plan.h"

namespace weir::controller {

// What Weir did and why, one JSON object a line, appended:
//   {"at":"2026-01-31T12:00:00Z","event":"step","do":"lend t3 to
//   inference","why":"...","rule":"inference","nodes":["t3"],"jobs":[41],"ok":true}
//   {"at":...,"event":"pause"|"resume"|"return"|"start"|"stop"|"reload", "by":"root", "text":"..."}
// At 64 MiB the file becomes journal.jsonl.1, in place of an older one.
class Journal {
  public:
    explicit Journal(std::filesystem::path file) : file_(std::move(file)) {}

    // `error` is empty where the step succeeded.
    void step(Time at, const Step& step, const std::string& error);
    void event(Time at, const std::string& event, const std::string& by, const std::string& text);

  private:
    void append(const std::string& line);

    std::filesystem::path file_;
};

}  // namespace weir::controller
