// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/spank/options.h"

#include <algorithm>

#include "plugin/spank/values.h"

namespace weir::spank {

std::string said_of(const Option& option, const std::string& sentence) {
    return "weir: --" + std::string(option.name) + ": " + sentence;
}

std::string fault(const Option& option, std::string_view value) {
    const auto read = [&](const auto& result) {
        return result ? std::string() : said_of(option, result.error());
    };
    if (&option == &kCheckpoint) return read(read_checkpoint(value));
    if (&option == &kNotice) return read(read_notice(value));
    if (&option == &kOverflow) return read(read_overflow(value));
    if (&option == &kMaxCost) return read(read_max_cost(value));
    if (&option == &kLatency) return read(read_latency(value));
    return read(&option == &kStageIn ? read_stage_in(value) : read_stage_out(value));
}

std::string job_variable(const Option& option) {
    return "SLURM_" + std::string(option.variable);
}

std::string slurm_variable(const Option& option) {
    std::string name = option.name;
    std::ranges::replace(name, '-', '_');
    return "_SLURM_SPANK_OPTION_weir_" + name;
}

}  // namespace weir::spank
