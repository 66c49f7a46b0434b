// SPDX-License-Identifier: GPL-2.0-or-later
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>

#include "plugin/config/names.h"

namespace weir::config {
namespace {

// A kernel's switch that keeps ordinary users from user namespaces, and the value at which it does.
struct Switch {
    const char* path;
    const char* off;
};
constexpr Switch kSwitches[] = {{"/proc/sys/user/max_user_namespaces", "0"},
                                {"/proc/sys/kernel/unprivileged_userns_clone", "0"},
                                {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"}};

// Why no replica can be submitted from this machine; empty if nothing speaks against it.
std::string no_namespaces() {
    for (const Switch& one : kSwitches) {
        std::string value;
        if (std::ifstream(one.path) >> value && value == one.off)
            return "replicas are submitted from a user namespace, which " + std::string(one.path) + " (" +
                   value + ") keeps from ordinary users here: see weirctld(8)";
    }
    return {};
}

}  // namespace

std::vector<Finding> check_services_here(const Policy& policy) {
    std::vector<Finding> findings;
    for (const policies::ServiceRule& rule : policy.services) {
        const auto error = [&](std::string message) {
            findings.push_back({Severity::kError, rule.name, std::move(message)});
        };
        const passwd* user = getpwnam(rule.user.c_str());
        if (user == nullptr) error("user: this machine knows no user " + rule.user);
        struct stat script {};
        if (stat(rule.script.c_str(), &script) != 0) {
            error("script: " + rule.script + ": " + std::strerror(errno));
            continue;
        }
        if (!S_ISREG(script.st_mode)) error("script: " + rule.script + " is no file");
        if ((script.st_mode & S_IWOTH) != 0)
            error("script: everybody may write " + rule.script + ", and what it says runs as " + rule.user);
    }
    if (const std::string why = no_namespaces(); !policy.services.empty() && !why.empty())
        findings.push_back({Severity::kError, "", why});
    return findings;
}

}  // namespace weir::config
