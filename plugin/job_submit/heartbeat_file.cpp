// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/job_submit/heartbeat_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

namespace weir::job_submit {
namespace {

class Descriptor {
  public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int number() const { return number_; }

  private:
    int number_;
};

std::int64_t nanoseconds(const timespec& time) {
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

std::optional<std::string> read(int descriptor, std::size_t size) {
    std::string text(size, '\0');
    std::size_t filled = 0;
    while (filled < size) {
        const ssize_t count = ::read(descriptor, text.data() + filled, size - filled);
        if (count <= 0) return std::nullopt;
        filled += static_cast<std::size_t>(count);
    }
    return text;
}

}  // namespace

HeartbeatFile::Seen HeartbeatFile::look(const std::string& path) {
    // O_NONBLOCK: a FIFO in its place must not stop slurmctld.
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (file.number() < 0 || ::fstat(file.number(), &status) != 0) return {};
    const bool trusted = S_ISREG(status.st_mode) && (status.st_uid == ::geteuid() || status.st_uid == 0);
    if (!trusted || status.st_size > static_cast<off_t>(kMaxHeartbeatBytes)) return {};

    const Identity identity{status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim),
                            nanoseconds(status.st_ctim)};
    const Time written{Duration(status.st_mtim.tv_sec)};
    const std::lock_guard lock(mutex_);
    if (identity != identity_) {
        const auto text = read(file.number(), static_cast<std::size_t>(status.st_size));
        auto heartbeat = text ? parse(*text) : std::nullopt;
        heartbeat_ = heartbeat ? std::make_shared<const Heartbeat>(std::move(*heartbeat)) : nullptr;
        identity_ = identity;
    }
    return {heartbeat_, written};
}

}  // namespace weir::job_submit
