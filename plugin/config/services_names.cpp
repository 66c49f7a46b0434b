// SPDX-License-Identifier: GPL-2.0-or-later
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "plugin/config/names.h"

namespace weir::config {

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
    return findings;
}

}  // namespace weir::config
