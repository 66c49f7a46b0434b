// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/slurm/submit.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace weir::slurm {
namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::seconds kGrace{5};  // for `timeout` itself
constexpr const char* kPath = "/usr/local/bin:/usr/bin:/bin";
constexpr std::size_t kMostOutput = 1U << 16;  // bytes

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> list;
    list.reserve(texts.size() + 1);
    for (std::string& text : texts) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
}

// The environment of a fresh login of that user, what Slurm's commands need, and what is to be added.
std::vector<std::string> environment_of(const passwd& user, const BatchJob& job) {
    const char* own_path = std::getenv("PATH");
    std::vector<std::string> list{std::string("HOME=") + user.pw_dir, std::string("USER=") + user.pw_name,
                                  std::string("LOGNAME=") + user.pw_name,
                                  std::string("SHELL=") + user.pw_shell,
                                  "PATH=" + (own_path != nullptr ? std::string(own_path) + ":" : "") + kPath};
    if (const char* conf = std::getenv("SLURM_CONF")) list.push_back(std::string("SLURM_CONF=") + conf);
    for (const auto& [name, value] : job.environment) {
        list.push_back(name);
        list.back() += "=" + value;
    }
    return list;
}

std::vector<std::string> command_line(const passwd& user, const BatchJob& job) {
    // By `timeout`, since sbatch tries on for minutes and must not do so after weirctld has been killed.
    std::vector<std::string> argv{
        "unshare",
        "--user",
        "--map-root-user",
        "timeout",
        "--signal=KILL",
        std::to_string(kPatience.count()),
        "sbatch",
        "--parsable",
        "--uid=" + std::to_string(user.pw_uid),
        "--gid=" + std::to_string(user.pw_gid),
        "--propagate=NONE",
        "--job-name=" + job.name,
        "--chdir=" + (job.directory.empty() ? std::string(user.pw_dir) : job.directory)};
    if (!job.account.empty()) argv.push_back("--account=" + job.account);
    argv.push_back(job.script);
    return argv;
}

struct Outcome {
    int status = 0;  // of waitpid
    bool late = false;
    std::string out;
    std::string err;
};

// Reads both pipes until they end or time is up.
void collect(const std::array<int, 2>& pipes, pid_t child, Outcome& outcome) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience + kGrace;
    std::array<pollfd, 2> waits{pollfd{pipes[0], POLLIN, 0}, pollfd{pipes[1], POLLIN, 0}};
    while (waits[0].fd >= 0 || waits[1].fd >= 0) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) {
            outcome.late = true;
            kill(child, SIGKILL);
            break;
        }
        if (poll(waits.data(), waits.size(), static_cast<int>(left.count())) < 0 && errno != EINTR) break;
        for (std::size_t i = 0; i < waits.size(); ++i) {
            if (waits[i].fd < 0 || waits[i].revents == 0) continue;
            std::array<char, 4096> buffer{};
            const ssize_t count = read(waits[i].fd, buffer.data(), buffer.size());
            if (count < 0 && errno == EINTR) continue;
            std::string& text = i == 0 ? outcome.out : outcome.err;
            if (count <= 0)
                waits[i].fd = -1;
            else if (text.size() < kMostOutput)
                text.append(buffer.data(), static_cast<std::size_t>(count));
        }
    }
}

Result<Outcome> run(std::vector<std::string> argv, std::vector<std::string> environment) {
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    if (pipe2(out.data(), O_CLOEXEC) != 0) return failure(std::string("pipe: ") + std::strerror(errno));
    if (pipe2(err.data(), O_CLOEXEC) != 0) {
        const int error = errno;
        close(out[0]);
        close(out[1]);
        return failure(std::string("pipe: ") + std::strerror(error));
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    // weirctld's threads block the signals that its own watcher takes; a child must not inherit that.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    sigset_t reset;
    sigemptyset(&reset);
    sigaddset(&reset, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &reset);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    pid_t child = 0;
    const int error = posix_spawnp(&child, argv.front().c_str(), &actions, &attributes, pointers(argv).data(),
                                   pointers(environment).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(out[1]);
    close(err[1]);
    Outcome outcome;
    if (error == 0) {
        collect({out[0], err[0]}, child, outcome);
        while (waitpid(child, &outcome.status, 0) < 0 && errno == EINTR) {
        }
    }
    close(out[0]);
    close(err[0]);
    if (error != 0) return failure("unshare (of util-linux): " + std::string(std::strerror(error)));
    return outcome;
}

// The last line that says something, without the program's name.
std::string last_words(const std::string& text) {
    std::string last;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        if (end > begin) last = text.substr(begin, end - begin);
        begin = end + 1;
    }
    const std::string lead = "sbatch: error: ";
    return last.starts_with(lead) ? last.substr(lead.size()) : last;
}

// What the script says runs as its user: nobody else may write it.
Result<void> check_script(const BatchJob& job, const passwd& user) {
    struct stat script {};
    if (stat(job.script.c_str(), &script) != 0) return failure(job.script + ": " + std::strerror(errno));
    if (!S_ISREG(script.st_mode)) return failure(job.script + " is no file");
    if (script.st_uid != 0 && script.st_uid != user.pw_uid && script.st_uid != geteuid())
        return failure(job.script + " belongs neither to root nor to " + job.user + ", as whom it would run");
    if ((script.st_mode & S_IWOTH) != 0)
        return failure("everybody may write " + job.script + ", which would run as " + job.user);
    return {};
}

}  // namespace

Result<std::uint32_t> submit_batch(const BatchJob& job) {
    std::vector<char> buffer(1U << 16);
    passwd user{};
    passwd* found = nullptr;
    getpwnam_r(job.user.c_str(), &user, buffer.data(), buffer.size(), &found);
    if (found == nullptr) return failure("this machine knows no user " + job.user);
    if (user.pw_uid == 0 || user.pw_uid == geteuid())
        return failure("user " + job.user + " is root or SlurmUser: give the service one of its own");
    if (auto safe = check_script(job, user); !safe) return tl::make_unexpected(safe.error());
    auto outcome = run(command_line(user, job), environment_of(user, job));
    if (!outcome) return tl::make_unexpected(outcome.error());
    constexpr int kKilled = 128 + SIGKILL;  // as timeout tells of it
    const bool killed = !WIFEXITED(outcome->status) || WEXITSTATUS(outcome->status) == kKilled;
    if (outcome->late || killed)
        return failure("sbatch did not end within " + std::to_string(kPatience.count()) + " s", kUnsure);
    std::uint32_t id = 0;
    const auto& text = outcome->out;
    const bool ended_well = WIFEXITED(outcome->status) && WEXITSTATUS(outcome->status) == 0;
    if (ended_well && std::from_chars(text.data(), text.data() + text.size(), id).ec == std::errc{})
        return id;
    const std::string why = last_words(outcome->err);
    const bool unsure = why.find("timed out") != std::string::npos;
    return failure("sbatch: " + (why.empty() ? "ended without a word" : why), unsure ? kUnsure : 0);
}

}  // namespace weir::slurm
