// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/board.h"

#include <spdlog/spdlog.h>

namespace weir::gateway {

bool Board::put(const Record& record) {
    auto written = records_.put(record);
    if (!written) spdlog::error("job {}: {}; it stays as it is", record.run.label, written.error().message);
    stir();
    return written.has_value();
}

void Board::rest(std::uint64_t& seen, std::chrono::milliseconds at_most) {
    std::unique_lock hold(lock_);
    changed_.wait_for(hold, at_most, [&] { return changes_ != seen; });
    seen = changes_;
}

void Board::post(std::uint32_t job, nlohmann::json what, std::string bytes) {
    const auto found = lives_.find(job);
    if (found == lives_.end() || found->second.connection == 0) return;
    letters_.emplace_back(found->second.connection, Letter{std::move(what), std::move(bytes)});
    wake();
}

void Board::say(Record& record, const std::string& text) {
    record.run.said = text;
    spdlog::info("job {}: {}", record.run.label, text);
    post(record.run.job.value, {{"do", "say"}, {"text", text}});
}

}  // namespace weir::gateway
