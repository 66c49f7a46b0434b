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
inline constexpr Option kOverflow{"weir-overflow", "never|allow|prefer[:SITE,...]",
                                  "whether the job may run at a remote site", "WEIR_OVERFLOW"};
inline constexpr Option kMaxCost{"weir-max-cost", "AMOUNT", "it costs at most so much money there",
                                 "WEIR_MAX_COST"};
inline constexpr Option kLatency{"weir-latency", "TIME", "the site is at most so far away, as in 45ms",
                                 "WEIR_LATENCY"};
inline constexpr Option kStageIn{"weir-stage-in", "PATH,...", "what goes there with the job",
                                 "WEIR_STAGE_IN"};
inline constexpr Option kStageOut{"weir-stage-out", "PATH,...", "what comes back when the job has ended",
                                  "WEIR_STAGE_OUT"};
inline constexpr std::array<const Option*, 7> kOptions{&kCheckpoint, &kNotice,  &kOverflow, &kMaxCost,
                                                       &kLatency,    &kStageIn, &kStageOut};

// Paths that go with the job are its own affair: they travel in its environment, and `variable` tells
// slurmctld only their size, or what is wrong with them.
constexpr bool says_paths(const Option& option) {
    return &option == &kStageIn || &option == &kStageOut;
}

// Begins what is said in place of a size.
inline constexpr char kFaultMark = '!';

// What Weir says of an option: "weir: --weir-notice: SENTENCE".
std::string said_of(const Option& option, const std::string& sentence);

// What is wrong with a value, in one line that shows what would be right; empty if nothing is.
std::string fault(const Option& option, std::string_view value);

// "SLURM_WEIR_STAGE_IN": where the job has its paths. Such names reach the job whatever it exports.
std::string job_variable(const Option& option);

// "_SLURM_SPANK_OPTION_weir_weir_notice": where Slurm itself keeps the option (plugstack.c, _opt_env_name).
std::string slurm_variable(const Option& option);

}  // namespace weir::spank
