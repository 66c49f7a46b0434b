// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

namespace weir::gateway {

using Environment = std::map<std::string, std::string>;

// The variables of a local job that its copy is given, those of sbatch's options among them: not those that
// Slurm sets there anew, nor those that speak of this machine (HOME, TMPDIR, the display ...), nor those that
// are no UTF-8. `raw`: NAME=VALUE, each ended by a zero byte.
Environment for_remote(const std::string& raw);

// What the site's Slurm runs: makes the copy's folder, puts the user's script there and becomes it, so that
// signals and the exit status are the script's own. `exported` is set after all that the site sets itself.
struct RemoteScript {
    std::string directory;  // of the copy, absolute
    std::string script;     // of the user
    std::vector<std::string> arguments;
    Environment exported;  // SLURM_ARRAY_TASK_ID and such
    std::string nonce;     // parts the script from what is around it
    bool again = false;    // it was sent before: should that one come yet, it must not run besides
};
std::string to_text(const RemoteScript& script);

// As one word for a shell.
std::string shell_word(const std::string& text);

}  // namespace weir::gateway
