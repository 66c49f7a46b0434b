// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/spank/stage.h"

#include <errno.h>
#include <stdlib.h>

#include <string_view>

#include "plugin/spank/staged.h"
#include "plugin/spank/values.h"

// Of sbatch and Slurm's library, which no public header declares; all may be missing.
extern "C" {
struct slurm_options;
extern slurm_options opt __attribute__((weak));
char* slurm_option_get(slurm_options* options, const char* name) __attribute__((weak));
void slurm_xfree(void** pointer) __attribute__((weak));
}

namespace weir::spank {
namespace {

bool is_sbatch() {
    return std::string_view(program_invocation_short_name) == "sbatch";
}

// The folder that the job will work in, --chdir heeded; empty where it cannot be told.
std::string working_folder() {
    if (!is_sbatch() || &opt == nullptr || slurm_option_get == nullptr || slurm_xfree == nullptr) return {};
    char* const value = slurm_option_get(&opt, "chdir");
    std::string folder = value == nullptr ? "" : value;
    void* memory = value;
    slurm_xfree(&memory);
    return folder;
}

// What slurmctld is told of paths to take along: their size, or what is wrong with them.
std::string told_of(const std::string& paths) {
    const std::string folder = working_folder();
    const auto list = read_stage_in(paths);
    if (folder.empty() || !list) return {};
    const auto size = staged_size(*list, folder);
    if (!size) return kFaultMark + size.error();
    if (!size->whole)
        slurm_info("%s", said_of(kStageIn, "more than " + size_text(size->bytes) +
                                               "; counting was stopped, so that may be far from all")
                             .c_str());
    return std::to_string(size->bytes.value);
}

}  // namespace

void forget_staging() {
    if (!is_sbatch()) return;
    for (const Option* option : kOptions)
        if (says_paths(*option)) unsetenv(job_variable(*option).c_str());
}

void stage(spank_t spank, const Option& option, const std::string& paths) {
    if (is_sbatch()) setenv(job_variable(option).c_str(), paths.c_str(), 1);
    const std::string told = &option == &kStageIn ? told_of(paths) : "";
    spank_job_control_setenv(spank, option.variable, told.c_str(), 1);
}

}  // namespace weir::spank
