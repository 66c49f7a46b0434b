// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/uids.h"

#include <pwd.h>

#include <cerrno>
#include <system_error>

namespace weir::controller {
namespace {

constexpr Duration kHolds = std::chrono::minutes(10);
constexpr Duration kRetry = std::chrono::minutes(1);  // of what could not be told

}  // namespace

Result<std::optional<std::uint32_t>> look_up_uid(const std::string& user) {
    errno = 0;
    if (const passwd* found = getpwnam(user.c_str())) return found->pw_uid;
    // By these, too, getpwnam(3) says that there is none.
    if (errno == 0 || errno == ENOENT || errno == ESRCH || errno == EBADF || errno == EPERM)
        return std::nullopt;
    return failure("looking for user " + user + ": " + std::generic_category().message(errno), errno);
}

std::optional<std::uint32_t> Uids::of(const std::string& user, Time at) {
    const auto before = known_.find(user);
    if (before != known_.end() && at - before->second.at < kHolds) return before->second.uid;
    Known& known = known_[user];
    const auto found = look_up_(user);
    known.at = found ? at : at - kHolds + kRetry;
    if (found) known.uid = *found;
    return known.uid;
}

}  // namespace weir::controller
