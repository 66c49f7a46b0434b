// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/spank/staged.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "plugin/config/words.h"

namespace weir::spank {
namespace {

struct CloseDirectory {
    void operator()(DIR* folder) const { ::closedir(folder); }
};

class Count {
  public:
    explicit Count(const StagedLimits& limits)
        : left_(limits.entries), deadline_(std::chrono::steady_clock::now() + limits.time) {}

    void file(const struct stat& status) { size_.bytes += Bytes{status.st_size}; }

    // All below the folder, or as much as there is time for.
    void folder(const std::string& path) {
        std::vector<std::string> open{path};
        while (!open.empty() && size_.whole) {
            const std::string name = std::move(open.back());
            open.pop_back();
            entries(name, open);
        }
    }

    bool more() {
        if (left_-- > 0 && std::chrono::steady_clock::now() < deadline_) return true;
        size_.whole = false;
        return false;
    }

    StagedSize size() const { return size_; }

  private:
    void entries(const std::string& name, std::vector<std::string>& open) {
        const std::unique_ptr<DIR, CloseDirectory> list(::opendir(name.c_str()));
        if (!list) return;
        while (const dirent* entry = ::readdir(list.get())) {
            const std::string inside = entry->d_name;
            if (inside == "." || inside == "..") continue;
            if (!more()) return;
            struct stat status {};
            if (::fstatat(::dirfd(list.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
            if (S_ISREG(status.st_mode)) file(status);
            if (S_ISDIR(status.st_mode)) open.push_back(name + "/" + inside);
        }
    }

    StagedSize size_;
    int left_;
    std::chrono::steady_clock::time_point deadline_;
};

}  // namespace

Read<StagedSize> staged_size(const std::vector<std::string>& paths, const std::string& folder,
                             const StagedLimits& limits) {
    Count count(limits);
    for (const std::string& path : paths) {
        const std::string whole = path.starts_with('/') ? path : folder + "/" + path;
        const auto fault = [&](const std::string& what) {
            const std::string where = path.starts_with('/') ? "" : " (in " + config::in_quotes(folder) + ")";
            return tl::unexpected(config::in_quotes(path) + where + ": " + what);
        };
        struct stat status {};
        const bool there = ::stat(whole.c_str(), &status) == 0;
        if (!there || ::access(whole.c_str(), R_OK) != 0)
            return fault(std::generic_category().message(errno));
        if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
            return fault("is neither a file nor a folder");
        if (S_ISREG(status.st_mode))
            count.file(status);
        else if (count.more())
            count.folder(whole);
    }
    return count.size();
}

std::string size_text(Bytes bytes) {
    constexpr std::array<const char*, 6> kSizes{"bytes", "kB", "MB", "GB", "TB", "PB"};
    if (bytes.value < 1000) return std::to_string(bytes.value) + " bytes";
    std::size_t size = 0;
    std::int64_t unit = 1;
    while (size + 1 < kSizes.size() && bytes.value / unit >= 1000) {
        unit *= 1000;
        ++size;
    }
    const std::int64_t tenths = bytes.value / (unit / 10);
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " " + kSizes.at(size);
}

}  // namespace weir::spank
