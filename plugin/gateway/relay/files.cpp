// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/relay/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "plugin/config/words.h"
#include "plugin/spank/stage_names.h"

namespace weir::gateway {
namespace {

constexpr std::size_t kMostPending = 1'000'000;
constexpr std::size_t kMostSkipped = 20;    // that are named
constexpr std::size_t kLongestSaid = 1000;  // bytes of a path

tl::unexpected<Error> file_failure(const std::string& path) {
    const int code = errno;
    return failure(path + ": " + std::generic_category().message(code), code);
}

// Opens what lies below a folder, whatever links there are on the way.
Descriptor open_below(int folder, const std::string& path, std::uint64_t flags, std::uint64_t mode = 0) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    return Descriptor(static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how)));
}

struct CloseFolder {
    void operator()(DIR* folder) const { ::closedir(folder); }
};

// Names in an open folder, sorted.
std::vector<std::string> names_in(int folder) {
    std::vector<std::string> names;
    // fdopendir takes the descriptor with it.
    const std::unique_ptr<DIR, CloseFolder> opened(::fdopendir(::fcntl(folder, F_DUPFD_CLOEXEC, 0)));
    if (!opened) return names;
    while (const dirent* entry = ::readdir(opened.get())) {
        const std::string name = entry->d_name;
        if (name != "." && name != "..") names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
}

}  // namespace

void StageIn::skip(const std::string& path) {
    if (skipped_.size() < kMostSkipped)
        skipped_.push_back(path.substr(0, kLongestSaid));
    else
        ++more_skipped_;
}

Result<std::optional<Outgoing>> StageIn::visit(const Pending& entry) {
    if (!config::is_utf8(entry.name)) return failure(entry.name + ": its name is no UTF-8");
    Descriptor opened = entry.path.empty()
                            ? Descriptor(::fcntl(root_.get(), F_DUPFD_CLOEXEC, 0))
                            : open_below(root_.get(), entry.path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!opened) {
        if (errno != EXDEV && errno != ELOOP && errno != ENXIO)
            return file_failure(root_path_ + "/" + entry.path);
        skip(root_path_ + "/" + entry.path);
        return std::nullopt;
    }
    struct stat info {};
    if (::fstat(opened.get(), &info) != 0) return file_failure(entry.name);
    if (S_ISREG(info.st_mode))
        return Outgoing{entry.name, std::move(opened), info.st_size, (info.st_mode & S_IXUSR) != 0};
    if (!S_ISDIR(info.st_mode) || pending_.size() > kMostPending) {
        skip(entry.name);
        return std::nullopt;
    }
    auto names = names_in(opened.get());
    std::ranges::reverse(names);
    for (const std::string& name : names)
        pending_.push_back({entry.path.empty() ? name : entry.path + "/" + name, entry.name + "/" + name});
    return std::nullopt;
}

Result<std::optional<Outgoing>> StageIn::next(const std::function<void()>& meanwhile) {
    while (true) {
        meanwhile();
        if (pending_.empty()) {
            if (next_path_ == paths_.size()) return std::nullopt;
            root_path_ = paths_[next_path_++];
            root_ = Descriptor(::open(root_path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
            if (!root_) return file_failure(root_path_);
            pending_.push_back({"", spank::name_there(root_path_)});
        }
        const Pending entry = std::move(pending_.back());
        pending_.pop_back();
        auto found = visit(entry);
        if (!found || *found) return found;
    }
}

Result<Incoming> Incoming::create(const std::string& path, const std::string& mark, bool executable) {
    Descriptor folder(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return file_failure(".");
    std::string rest = path;
    for (auto slash = rest.find('/'); slash != std::string::npos; slash = rest.find('/')) {
        const std::string part = rest.substr(0, slash);
        rest.erase(0, slash + 1);
        if (part.empty() || part == ".") continue;
        if (::mkdirat(folder.get(), part.c_str(), 0777) != 0 && errno != EEXIST) return file_failure(path);
        Descriptor inside = open_below(folder.get(), part, O_PATH | O_DIRECTORY | O_NOFOLLOW);
        if (!inside) return file_failure(path);
        folder = std::move(inside);
    }
    if (rest.empty() || rest == "." || rest == "..") return failure(path + ": names no file");
    // A name has 255 bytes at most.
    const std::string own = rest.size() <= 200 ? rest : std::to_string(std::hash<std::string>()(rest));
    std::string part = "." + own + "." + mark + ".weir-part";
    Descriptor file = open_below(folder.get(), part, O_RDWR | O_CREAT | O_NOFOLLOW, executable ? 0777 : 0666);
    if (!file) return file_failure(path);
    struct stat info {};
    // In a folder that others may write to it could be theirs, to be read by them.
    if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_uid != ::geteuid())
        return failure(path + ": " + part + " is another's");
    return Incoming(std::move(folder), std::move(file), std::move(part), std::move(rest));
}

Result<std::int64_t> Incoming::size() const {
    struct stat info {};
    if (::fstat(file_.get(), &info) != 0) return file_failure(name_);
    return info.st_size;
}

Result<void> Incoming::finish() {
    if (::fsync(file_.get()) != 0 ||
        ::renameat(folder_.get(), part_.c_str(), folder_.get(), name_.c_str()) != 0)
        return file_failure(name_);
    return {};
}

}  // namespace weir::gateway
