// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/places.h"

#include <cstdlib>

#include "plugin/config/parse.h"

namespace weir::cli {
namespace {

// An unset variable and an empty one say the same.
std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

}  // namespace

std::filesystem::path policy_file(const std::string& named) {
    if (!named.empty()) return named;
    const std::string slurm_conf = variable("SLURM_CONF");
    const std::filesystem::path folder =
        slurm_conf.empty() ? "/etc/slurm" : std::filesystem::path(slurm_conf).parent_path();
    return folder / "weir.yaml";
}

int agent_port(const std::string& policy_named) {
    constexpr int kUsual = 9810;
    const auto policy = config::load(policy_file(policy_named));
    return policy && policy->telemetry.agents != 0 ? policy->telemetry.agents : kUsual;
}

SocketPlace control_socket(const std::string& named, const std::string& policy_named) {
    if (!named.empty()) return {named, "was given with --socket", {}};
    if (const std::string path = variable("WEIR_SOCKET"); !path.empty())
        return {path, "is that of WEIR_SOCKET", {}};
    const auto file = policy_file(policy_named);
    const auto policy = config::load(file);
    if (policy) return {policy->control_socket, "is control.socket of " + file.string(), {}};
    SocketPlace place{
        config::Policy{}.control_socket, "is the default, since " + file.string() + " cannot be used", {}};
    std::error_code unknown;
    if (!std::filesystem::exists(file, unknown))
        place.source = "is the default, since there is no " + file.string();
    if (!policy_named.empty()) place.errors = policy.error();
    return place;
}

}  // namespace weir::cli
