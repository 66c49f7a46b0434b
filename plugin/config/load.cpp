// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "plugin/config/parse.h"

namespace weir::config {
namespace {

class Descriptor {
  public:
    // Without waiting for a writer, should somebody have put a pipe there.
    explicit Descriptor(const std::filesystem::path& path)
        : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) {}
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    int value() const { return value_; }

  private:
    int value_;
};

tl::unexpected<std::string> failed(const std::string& what) {
    return tl::unexpected(what + ": " + std::generic_category().message(errno));
}

// The bytes of a regular file, or why there are none.
tl::expected<std::string, std::string> read_file(const std::filesystem::path& path) {
    const Descriptor file(path);
    if (file.value() < 0) return failed("cannot be opened");
    struct stat status {};
    if (::fstat(file.value(), &status) != 0) return failed("cannot be examined");
    if (S_ISDIR(status.st_mode)) return tl::unexpected<std::string>("is a directory: name the file in it");
    if (!S_ISREG(status.st_mode)) return tl::unexpected<std::string>("is not a regular file");
    std::string text(kMaxFileBytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(file.value(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed("cannot be read");
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    if (size > kMaxFileBytes) return tl::unexpected<std::string>("is larger than 1 MiB");
    text.resize(size);
    return text;
}

// Names of files that the policy says are those of the folder that it stands in.
void make_absolute(Policy& policy, const std::filesystem::path& file) {
    if (policy.connections.empty()) return;
    const std::filesystem::path folder = std::filesystem::absolute(file).lexically_normal().parent_path();
    for (SiteConnection& site : policy.connections)
        for (std::string* name : {&site.ca_file, &site.token_file, &site.key_file})
            if (!name->empty()) *name = (folder / *name).lexically_normal().string();
}

tl::expected<Policy, std::vector<std::string>> load_or_throw(const std::filesystem::path& path) {
    const auto text = read_file(path);
    if (!text) return tl::unexpected(std::vector<std::string>{path.string() + ": " + text.error()});
    auto policy = parse(*text);
    if (policy) make_absolute(*policy, path);
    return std::move(policy).map_error([&](const Problems& problems) {
        std::vector<std::string> messages;
        messages.reserve(problems.size());
        for (const Problem& problem : problems) messages.push_back(to_text(problem, path.string()));
        return messages;
    });
}

}  // namespace

tl::expected<Policy, std::vector<std::string>> load(const std::filesystem::path& path) noexcept {
    try {
        return load_or_throw(path);
    } catch (const std::exception& error) {
        return tl::unexpected(
            std::vector<std::string>{std::string("policy file: could not be read: ") + error.what()});
    }
}

}  // namespace weir::config
