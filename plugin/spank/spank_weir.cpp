// SPDX-License-Identifier: GPL-2.0-or-later
// What sbatch, salloc and srun load from plugstack.conf: Weir's options, each checked as it is read. Whatever
// goes wrong there, the job goes on as if Weir were not there; only a bad value ends the submission. In
// slurmd it does nothing, and in slurmstepd nothing but on a gateway host, where whatever goes wrong ends the
// step.
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <string>

#include "plugin/spank/gateway.h"
#include "plugin/spank/options.h"
#include "plugin/spank/stage.h"

extern "C" {
#include <slurm/spank.h>
}

#define WEIR_EXPORT __attribute__((visibility("default")))

namespace {

// "weir for Slurm 22.05". weir-gateway-prolog looks for it: slurmstepd refuses a plugin that is built for
// another.
consteval auto built_for() {
    constexpr unsigned kMajor = SLURM_VERSION_MAJOR(SLURM_VERSION_NUMBER);
    constexpr unsigned kMinor = SLURM_VERSION_MINOR(SLURM_VERSION_NUMBER);
    auto text = std::to_array("weir for Slurm 00.00");
    const std::size_t end = text.size() - 1;
    text[end - 5] += kMajor / 10;
    text[end - 4] += kMajor % 10;
    text[end - 2] += kMinor / 10;
    text[end - 1] += kMinor % 10;
    return text;
}
[[gnu::used, gnu::retain]] constexpr auto kBuiltFor = built_for();

using namespace weir::spank;

// Stops exceptions at the border to Slurm.
template <class Body>
int guard(const char* entry, Body&& body) noexcept {
    try {
        return body();
    } catch (const std::exception& error) {
        slurm_error("weir: %s: %s; its options are passed over", entry, error.what());
    } catch (...) {
        slurm_error("weir: %s failed; its options are passed over", entry);
    }
    return 0;
}

// The same on a gateway host: what fails is not done.
template <class Body>
int closed_guard(Body&& body) noexcept {
    try {
        return body();
    } catch (...) {
        slurm_error("weir: the gateway's part of spank_weir failed; nothing is started");
    }
    return -1;
}

bool submits() {
    const spank_context_t context = spank_context();
    return context == S_CTX_LOCAL || context == S_CTX_ALLOCATOR;
}

int take(int position, const char* value, int /*remote*/) {
    return guard("reading an option", [&] {
        const std::string wrong = fault(*kOptions.at(static_cast<std::size_t>(position)), value);
        if (!wrong.empty()) slurm_error("%s", wrong.c_str());
        return wrong.empty() ? 0 : -1;
    });
}

// SBATCH_WEIR_NOTICE and the like, under the name by which Slurm itself reads options of plugins after the
// script's and before the command line's.
void offer_variable(const Option& option) {
    const std::string program = program_invocation_short_name;
    // A job has its own paths under the names that srun would read.
    if (says_paths(option) && program == "srun") return;
    const std::string prefix = program == "srun" ? "SLURM_" : program == "salloc" ? "SALLOC_" : "SBATCH_";
    const char* value = getenv((prefix + option.variable).c_str());
    if (value != nullptr) setenv(("SLURM_SPANK_" + slurm_variable(option)).c_str(), value, 0);
}

int offer(spank_t spank) {
    for (std::size_t i = 0; i < kOptions.size(); ++i) {
        const Option& option = *kOptions.at(i);
        spank_option entry{const_cast<char*>(option.name),
                           const_cast<char*>(option.argument),
                           const_cast<char*>(option.help),
                           1,
                           static_cast<int>(i),
                           take};
        if (spank_option_register(spank, &entry) != ESPANK_SUCCESS)
            slurm_error("%s", said_of(option, "cannot be offered").c_str());
        offer_variable(option);
    }
    return 0;
}

// Moves the values to where job_submit_weir reads them. Where Slurm keeps them they would reach the job's own
// environment, and each sbatch that the job runs would take them for its own.
int hand_over(spank_t spank) {
    forget_staging();
    for (const Option* option : kOptions) {
        const std::string kept = slurm_variable(*option);
        std::array<char, 16384> value{};
        const auto found = spank_job_control_getenv(spank, kept.c_str(), value.data(), value.size());
        if (found == ESPANK_SUCCESS) {
            if (says_paths(*option))
                stage(spank, *option, value.data());
            else
                spank_job_control_setenv(spank, option->variable, value.data(), 1);
            spank_job_control_unsetenv(spank, kept.c_str());
        } else if (found == ESPANK_NOSPACE) {
            slurm_error("%s", said_of(*option, "is too long").c_str());
            return -1;
        }
        unsetenv(kept.c_str());
        unsetenv(("SLURM_SPANK_" + kept).c_str());
    }
    return 0;
}

}  // namespace

extern "C" {

WEIR_EXPORT extern const char plugin_name[] = "weir";
WEIR_EXPORT extern const char plugin_type[] = "spank";
WEIR_EXPORT extern const unsigned int plugin_version = SLURM_VERSION_NUMBER;
WEIR_EXPORT extern const unsigned int spank_plugin_version = 1;

WEIR_EXPORT int slurm_spank_init(spank_t spank, int count, char** arguments) {
    if (spank_context() == S_CTX_REMOTE && on_gateway(count, arguments))
        return closed_guard([&] { return forbid_steps(spank) ? 0 : -1; });
    return submits() ? guard("offering options", [spank] { return offer(spank); }) : 0;
}

WEIR_EXPORT int slurm_spank_init_post_opt(spank_t spank, int /*count*/, char** /*arguments*/) {
    return submits() ? guard("handing options over", [spank] { return hand_over(spank); }) : 0;
}

WEIR_EXPORT int slurm_spank_task_init(spank_t spank, int count, char** arguments) {
    if (!on_gateway(count, arguments)) return 0;
    closed_guard([&] {
        become_relay(spank, count, arguments);
        return -1;
    });
    _exit(1);
}
}
