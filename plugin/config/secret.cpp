// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/secret.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

namespace weir::config {
namespace {

std::string user_name(uid_t uid) {
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 4096> words{};
    getpwuid_r(uid, &entry, words.data(), words.size(), &found);
    return found != nullptr ? found->pw_name : "user " + std::to_string(uid);
}

std::string octal(mode_t mode) {
    std::string text = "0";
    for (const unsigned shift : {6U, 3U, 0U}) text += static_cast<char>('0' + ((mode >> shift) & 7U));
    return text;
}

Result<void> check(const std::string& path, std::optional<uid_t> owner) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0)
        return failure(path + ": " + std::generic_category().message(errno), errno);
    if (!S_ISREG(status.st_mode)) return failure(path + " is no regular file: a secret is kept in one");
    if (owner && status.st_uid != *owner && status.st_uid != 0)
        return failure(path + " belongs to " + user_name(status.st_uid) + ", who could change it: chown " +
                       user_name(*owner) + " " + path);
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return failure(path + " can be reached by others (mode " + octal(status.st_mode & 0777U) +
                       "): chmod 600 " + path);
    return {};
}

}  // namespace

Result<void> check_secret(const std::string& path) {
    return check(path, ::geteuid());
}

Result<void> check_secret_of_another(const std::string& path) {
    return check(path, std::nullopt);
}

}  // namespace weir::config
