// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace weir::cli {

// The policy file: the one named, else weir.yaml beside slurm.conf, which is where SLURM_CONF says or in
// /etc/slurm. Slurm's library is not asked: it ends the process where slurm.conf is unusable.
std::filesystem::path policy_file(const std::string& named);

// The port of weir-agents that the policy file says, else 9810.
int agent_port(const std::string& policy_named);

// Where weirctld listens, and what is worth knowing about that should it not answer.
struct SocketPlace {
    std::string path;
    std::string source;               // "is that of WEIR_SOCKET": what the path is
    std::vector<std::string> errors;  // of a policy file that was named and cannot be used
};

// The one named, else WEIR_SOCKET, else control.socket of the policy file, else the default.
SocketPlace control_socket(const std::string& named, const std::string& policy_named);

}  // namespace weir::cli
