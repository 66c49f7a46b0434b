// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>
#include <thread>

#include "plugin/gateway/channel.h"

namespace weir::gateway {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostOutput = std::size_t{64} << 10;

// Starts the program with its standard output in `to`, in a process group of its own.
int start(const std::vector<std::string>& command, int to, pid_t& child) {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    std::array<char*, 2> environment{path.data(), nullptr};

    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
    const int status =
        posix_spawn(&child, arguments.front(), &actions, &attributes, arguments.data(), environment.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return status;
}

// What comes until the end. Absent if it is too long or does not come in time.
std::optional<std::string> read_all(int from, Clock::time_point deadline) {
    std::string text;
    std::array<char, 4096> part{};
    while (text.size() <= kMostOutput) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
        pollfd wanted{from, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&wanted, 1, static_cast<int>(left.count())) == 0) return std::nullopt;
        const ssize_t got = ::read(from, part.data(), part.size());
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got <= 0) return text;
        text.append(part.data(), static_cast<std::size_t>(got));
    }
    return std::nullopt;
}

// Its status. What has not ended by then is killed with all that it started.
int await_end(pid_t child, Clock::time_point deadline) {
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(child, &status, WNOHANG)) == 0 && Clock::now() < deadline)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (ended == 0) ::kill(-child, SIGKILL);
    while (ended <= 0 && (ended = ::waitpid(child, &status, 0)) < 0 && errno == EINTR) {
    }
    return status;
}

}  // namespace

Result<std::string> output_of(const std::vector<std::string>& command, std::chrono::seconds patience) {
    if (command.empty()) return failure("no command");
    const std::string& program = command.front();
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return failure(program + ": " + std::generic_category().message(errno));
    const Descriptor reading(ends[0]);
    Descriptor writing(ends[1]);
    pid_t child = -1;
    if (const int status = start(command, writing.get(), child); status != 0)
        return failure(program + ": " + std::generic_category().message(status));
    writing = Descriptor();
    const auto deadline = Clock::now() + patience;
    const auto text = read_all(reading.get(), deadline);
    const int status = await_end(child, text ? deadline : Clock::now());
    if (!text)
        return failure(program + " did not end within " + std::to_string(patience.count()) +
                       " s, or printed too much");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return failure(program + (WIFEXITED(status) ? " ended with " + std::to_string(WEXITSTATUS(status))
                                                    : " was killed"));
    return *text;
}

}  // namespace weir::gateway
