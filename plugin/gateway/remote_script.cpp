// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/remote_script.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "plugin/config/words.h"

namespace weir::gateway {
namespace {

constexpr std::array<std::string_view, 10> kLocalPrefixes{
    "SLURM_", "SLURMD_", "SBATCH_", "SALLOC_", "SPANK_", "_SLURM_", "SSH_", "XDG_", "PMI_", "PMIX_"};

constexpr std::array<std::string_view, 29> kLocalNames{"HOME",
                                                       "USER",
                                                       "LOGNAME",
                                                       "SHELL",
                                                       "PWD",
                                                       "OLDPWD",
                                                       "MAIL",
                                                       "TMPDIR",
                                                       "TMP",
                                                       "TEMP",
                                                       "HOSTNAME",
                                                       "HOST",
                                                       "DISPLAY",
                                                       "TERM",
                                                       "SHLVL",
                                                       "_",
                                                       "KRB5CCNAME",
                                                       "DBUS_SESSION_BUS_ADDRESS",
                                                       "WINDOWID",
                                                       "XAUTHORITY",
                                                       "ENVIRONMENT",
                                                       "CUDA_VISIBLE_DEVICES",
                                                       "ROCR_VISIBLE_DEVICES",
                                                       "ZE_AFFINITY_MASK",
                                                       "GPU_DEVICE_ORDINAL",
                                                       "LD_PRELOAD",
                                                       "BASH_ENV",
                                                       "ENV",
                                                       "LS_COLORS"};

// What sbatch sets of its options, and slurmrestd does not: they hold there as they do here.
constexpr std::array<std::string_view, 5> kAsAsked{"SLURM_CPUS_PER_TASK", "SLURM_GPUS", "SLURM_GPUS_PER_NODE",
                                                   "SLURM_GPUS_PER_TASK", "SLURM_NTASKS_PER_NODE"};

bool speaks_of_here(std::string_view name) {
    if (std::ranges::find(kAsAsked, name) != kAsAsked.end()) return false;
    return std::ranges::find(kLocalNames, name) != kLocalNames.end() ||
           std::ranges::any_of(kLocalPrefixes, [&](auto prefix) { return name.starts_with(prefix); });
}

// Names that a shell can export. Others, exported functions of bash above all, cannot be said in a script.
bool plain_name(std::string_view name) {
    return !name.empty() && (name[0] < '0' || name[0] > '9') &&
           name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
               std::string_view::npos;
}

}  // namespace

Environment for_remote(const std::string& raw) {
    Environment result;
    std::string_view rest = raw;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('\0'), rest.size());
        const std::string_view entry = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const auto equals = entry.find('=');
        if (equals == std::string_view::npos || equals == 0) continue;
        const std::string_view name = entry.substr(0, equals);
        const std::string_view value = entry.substr(equals + 1);
        if (!speaks_of_here(name) && plain_name(name) && config::is_utf8(value))
            result.emplace(std::string(name), std::string(value));
    }
    return result;
}

std::string shell_word(const std::string& text) {
    std::string word = "'";
    for (const char c : text) {
        if (c == '\'')
            word += "'\\''";
        else
            word += c;
    }
    return word + '\'';
}

std::string to_text(const RemoteScript& script) {
    const std::string end = "WEIR_" + script.nonce;
    std::string text = "#!/bin/sh\n";
    // Where there is no room nothing must run: the signal of files that cannot grow tells the gateway why.
    text += "full() { echo 'no room for the job'\\''s script here' >&2; kill -XFSZ $$; exit 1; }\n";
    text += "umask 077\nmkdir -p " + shell_word(script.directory) + " && cd " + shell_word(script.directory) +
            " || full\n";
    text += "[ ! -e .weir-again ] || { echo 'this job has run already' >&2; exit 1; }\n";
    if (script.again) text += ": >.weir-again || full\n";
    text += "cat >.weir-script <<'" + end + "' || full\n" + script.script;
    if (!script.script.ends_with('\n')) text += '\n';
    text += end + "\nchmod 700 .weir-script || full\n";
    text += "USER=$(id -un)\nLOGNAME=$USER SLURM_SUBMIT_DIR=$PWD\n";
    text += "eval \"HOME=~$USER\"\nexport USER LOGNAME HOME SLURM_SUBMIT_DIR\n";
    for (const auto& [name, value] : script.exported)
        text += "export " + name + "=" + shell_word(value) + "\n";
    text += "umask 022\nexec ./.weir-script";
    for (const std::string& argument : script.arguments) text += " " + shell_word(argument);
    return text + "\n";
}

}  // namespace weir::gateway
