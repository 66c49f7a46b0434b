// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace weir::spank {

// An option of Weir's for sbatch, salloc and srun. Its value goes to slurmctld as `variable` in the job's
// environment for prolog and epilog (spank_job_env), where job_submit_weir takes it up.
struct Option {
    const char* name;      // "weir-notice", as on the command line
    const char* argument;  // what its value looks like
    const char* help;      // one line of `sbatch --help`
    const char* variable;  // "WEIR_NOTICE"; with SBATCH_, SALLOC_ or SLURM_ before it the user's own variable
};

inline constexpr Option kCheckpoint{"weir-checkpoint", "SIGNAL@SECONDS[,every=TIME][,reload=TIME]",
                                    "on SIGNAL to the batch script the job saves and requeues itself",
                                    "WEIR_CHECKPOINT"};
inline constexpr Option kNotice{"weir-notice", "SIGNAL@SECONDS",
                                "SIGNAL tells the job that its node is taken back; it is gone within SECONDS",
                                "WEIR_NOTICE"};
inline constexpr std::array<const Option*, 2> kOptions{&kCheckpoint, &kNotice};

// What Weir says of an option: "weir: --weir-notice: SENTENCE".
std::string said_of(const Option& option, const std::string& sentence);

// What is wrong with a value, in one line that shows what would be right; empty if nothing is.
std::string fault(const Option& option, std::string_view value);

// "_SLURM_SPANK_OPTION_weir_weir_notice": where Slurm itself keeps the option (plugstack.c, _opt_env_name).
std::string slurm_variable(const Option& option);

}  // namespace weir::spank
