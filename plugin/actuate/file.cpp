// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/actuate/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace weir::actuate {
namespace {

std::string system_error(const std::string& what, const std::filesystem::path& file) {
    return what + " " + file.string() + ": " + std::strerror(errno);
}

// A descriptor that closes itself.
class File {
  public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    ~File() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int get() const { return descriptor_; }
    bool write_all(const std::string& content) const {
        std::size_t done = 0;
        while (done < content.size()) {
            const ssize_t written = write(descriptor_, content.data() + done, content.size() - done);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return false;
            done += static_cast<std::size_t>(written);
        }
        return true;
    }

  private:
    int descriptor_;
};

}  // namespace

Result<void> replace_file(const std::filesystem::path& file, const std::string& content, bool durable,
                          mode_t mode) {
    const std::filesystem::path fresh = file.string() + ".new";
    {
        const File out(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
        if (out.get() < 0 || !out.write_all(content)) return failure(system_error("writing", fresh));
        // Whatever the umask: others are meant to read what they may.
        if (mode != 0600 && fchmod(out.get(), mode) != 0) return failure(system_error("writing", fresh));
        if (durable && fsync(out.get()) != 0) return failure(system_error("writing", fresh));
    }
    if (rename(fresh.c_str(), file.c_str()) != 0) return failure(system_error("replacing", file));
    if (!durable) return {};
    const File folder(open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || fsync(folder.get()) != 0)
        return failure(system_error("syncing", file.parent_path()));
    return {};
}

}  // namespace weir::actuate
