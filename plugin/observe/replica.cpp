// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/wait.h>

#include <charconv>
#include <string_view>

#include "plugin/observe/observe.h"

// Exported by every libslurm from 22.05 on, in no public header.
extern "C" char* slurm_job_state_string(enum job_states state);

namespace weir::observe {

std::optional<Replica> replica_of(const slurm_job_info_t& info, const std::vector<ServiceJobs>& services,
                                  UserNames& users) {
    if (info.name == nullptr || info.array_job_id != 0) return std::nullopt;
    const std::string_view name = info.name;
    for (const ServiceJobs& jobs : services) {
        if (name.size() <= jobs.service.size() + 1 || !name.starts_with(jobs.service) ||
            name[jobs.service.size()] != '-')
            continue;
        const std::string_view digits = name.substr(jobs.service.size() + 1);
        int number = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (error != std::errc{} || end != digits.data() + digits.size() || number < 1 || digits[0] == '0')
            continue;
        if (jobs.user != (info.user_name != nullptr ? info.user_name : users.of(info.user_id))) continue;
        return Replica{jobs.service, number, {}, jobs.settle};
    }
    return std::nullopt;
}

std::string ending(const slurm_job_info_t& info) {
    std::string how = slurm_job_state_string(static_cast<enum job_states>(info.job_state & JOB_STATE_BASE));
    if (WIFSIGNALED(info.exit_code)) return how + ", signal " + std::to_string(WTERMSIG(info.exit_code));
    if (WIFEXITED(info.exit_code) && WEXITSTATUS(info.exit_code) != 0)
        how += ", exit code " + std::to_string(WEXITSTATUS(info.exit_code));
    return how;
}

}  // namespace weir::observe
