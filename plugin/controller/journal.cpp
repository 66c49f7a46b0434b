// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/journal.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "plugin/controller/view.h"

namespace weir::controller {
namespace {

constexpr off_t kRotateAt = 64L << 20;

}  // namespace

void Journal::step(Time at, const Step& step, const std::string& error) {
    nlohmann::ordered_json line{{"at", utc(at)}, {"event", "step"}};
    line.update(step_to_json(step));
    line["ok"] = error.empty();
    if (!error.empty()) line["error"] = error;
    append(line.dump());
}

void Journal::event(Time at, const std::string& event, const std::string& by, const std::string& text) {
    append(nlohmann::ordered_json{{"at", utc(at)}, {"event", event}, {"by", by}, {"text", text}}.dump());
}

void Journal::append(const std::string& line) {
    const int file = open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    const std::string whole = line + "\n";
    // One write: a line is whole or absent, also when the process is killed.
    if (file < 0 || write(file, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size()))
        spdlog::error("cannot append to {}: {}", file_.string(), std::strerror(errno));
    struct stat status {};
    const bool full = file >= 0 && fstat(file, &status) == 0 && status.st_size > kRotateAt;
    if (file >= 0) close(file);
    if (full) rename(file_.c_str(), (file_.string() + ".1").c_str());
}

}  // namespace weir::controller
