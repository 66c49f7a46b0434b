// SPDX-License-Identifier: GPL-2.0-or-later
// weirctld: the control loop beside slurmctld.
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "plugin/config/parse.h"
#include "plugin/controller/control_socket.h"
#include "plugin/controller/controller.h"
#include "plugin/controller/crash_point.h"

namespace {

using namespace weir;
namespace fs = std::filesystem;

// Exit statuses, as weirctld(8) documents them.
constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kBadUse = 2;   // command line or weir.yaml
constexpr int kLocked = 75;  // another weirctld works on this StateSaveLocation

constexpr std::chrono::seconds kStopPatience{2};  // for a cycle in progress, before the process simply ends
constexpr std::chrono::seconds kLockPatience{4};  // a predecessor may be on its way out

struct Options {
    fs::path policy;
    fs::path log_file;
    std::string log_level = "info";
    bool supervised = false;
};

int complain(int status, const std::string& message) {
    std::cerr << "weirctld: " << message << std::endl;
    return status;
}

// Works as SlurmUser, whoever started it. Slurm's own daemons do the same.
bool become_slurm_user(std::uint32_t uid) {
    if (geteuid() == uid) return true;
    if (geteuid() != 0) return false;
    const passwd* user = getpwuid(uid);
    return user != nullptr && initgroups(user->pw_name, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
           setuid(uid) == 0;
}

// Under sched_weir.so standard output leads nowhere: the log goes beside slurmctld's own, or to syslog as
// that does.
void set_up_log(const Options& options, const slurm::Session& session) {
    fs::path file = options.log_file;
    if (file.empty() && options.supervised && !session.controller_log().empty())
        file = fs::path(session.controller_log()).parent_path() / "weirctld.log";
    std::shared_ptr<spdlog::logger> logger;
    if (!file.empty()) {
        logger = spdlog::basic_logger_mt("weirctld", file.string());
    } else if (options.supervised) {
        logger = spdlog::syslog_logger_mt("weirctld", "weirctld", LOG_PID, LOG_DAEMON);
    } else {
        logger = spdlog::stderr_logger_mt("weirctld");
    }
    logger->set_pattern("[%Y-%m-%dT%H:%M:%S.%e] %l: %v");
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(logger);
    spdlog::set_level(spdlog::level::from_str(options.log_level));
}

// Holds the lock as long as the process lives; -1 when another one has it.
int take_lock(const fs::path& file) {
    const int lock = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return -1;
    const auto deadline = std::chrono::steady_clock::now() + kLockPatience;
    while (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        if (std::chrono::steady_clock::now() > deadline) {
            close(lock);
            errno = EWOULDBLOCK;
            return -1;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    const std::string pid = std::to_string(getpid()) + "\n";
    if (ftruncate(lock, 0) != 0 || pwrite(lock, pid.data(), pid.size(), 0) < 0)
        spdlog::warn("{}: {}", file.string(), std::strerror(errno));
    return lock;
}

// Why take_lock gave none. The process that holds the lock has written its id into it.
std::string no_lock(const fs::path& file, int error) {
    if (error != EWOULDBLOCK) return file.string() + ": " + std::strerror(error);
    std::string pid = "unknown";
    std::ifstream(file) >> pid;
    return "another weirctld (pid " + pid + ") holds " + file.string();
}

// Datagrams of job_submit_weir: a submission waits for the controller.
void listen_for_wakes(const fs::path& socket_file, controller::Shared& shared,
                      const std::atomic<bool>& stopping) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_file.string().size() >= sizeof address.sun_path) {
        spdlog::warn("{}: path is too long for a socket; submissions wait for the next cycle",
                     socket_file.string());
        return;
    }
    std::strcpy(address.sun_path, socket_file.c_str());
    unlink(socket_file.c_str());
    const int wakes = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (wakes < 0 || bind(wakes, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        spdlog::warn("{}: {}; submissions wait for the next cycle", socket_file.string(),
                     std::strerror(errno));
        if (wakes >= 0) close(wakes);
        return;
    }
    while (!stopping) {
        pollfd wait{wakes, POLLIN, 0};
        if (poll(&wait, 1, 200) <= 0) continue;
        char byte;
        while (recv(wakes, &byte, 1, 0) >= 0) {
        }
        shared.wake();
    }
    close(wakes);
    unlink(socket_file.c_str());
}

// Turns signals, and under supervision the end of slurmctld, into requests to the loop. A stop that the loop
// does not heed in time, because it waits for slurmctld, ends the process: nothing needs tidying, by rule 4
// of the design.
void watch_signals(const sigset_t& signals, bool supervised, controller::Shared& shared,
                   const std::atomic<bool>& loop_ended) {
    std::optional<std::chrono::steady_clock::time_point> deadline;
    while (!loop_ended) {
        const timespec tick{0, 100'000'000};
        const int signal = sigtimedwait(&signals, nullptr, &tick);
        bool stop = signal == SIGTERM || signal == SIGINT;
        if (signal == SIGHUP) shared.reload();
        pollfd parent{STDIN_FILENO, 0, 0};
        if (supervised && poll(&parent, 1, 0) > 0 && (parent.revents & (POLLHUP | POLLERR)) != 0) stop = true;
        if (stop && !deadline) {
            deadline = std::chrono::steady_clock::now() + kStopPatience;
            shared.stop();
        }
        if (deadline && std::chrono::steady_clock::now() > *deadline) {
            spdlog::info("stopped in the middle of a cycle");
            spdlog::default_logger()->flush();
            _exit(kDone);
        }
    }
}

int serve(const Options& options, const slurm::Session& session, config::Policy policy,
          const fs::path& policy_file) {
    const fs::path state = fs::path(session.state_directory()) / "weir";
    std::error_code failed;
    fs::create_directory(state, failed);
    fs::permissions(state, fs::perms::owner_all, failed);
    if (failed) return complain(kFailed, state.string() + ": " + failed.message());
    const int lock = take_lock(state / "lock");
    if (lock < 0) {
        const int error = errno;
        return complain(error == EWOULDBLOCK ? kLocked : kFailed, no_lock(state / "lock", error));
    }
    controller::arm_crash_points(state);

    // Before any thread: every one inherits the mask, and only the watcher takes signals.
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);

    controller::Shared shared;
    auto control = controller::ControlSocket::listen(policy.control_socket, session.slurm_user(), shared);
    if (!control) spdlog::error("{}; `weir` cannot reach this controller", control.error().message);
    controller::Metrics metrics;
    if (!policy.metrics_listen.empty()) {
        if (auto serving = metrics.serve(policy.metrics_listen); !serving)
            spdlog::warn("{}", serving.error().message);
    }
    spdlog::info("weirctld {} of cluster {} begins: {} rules, mode {}", WEIR_VERSION, session.cluster(),
                 policy.lend.size(), policy.mode == policies::Mode::kAct ? "act" : "advise");
    controller::Controller loop({policy_file, state}, std::move(policy), session, shared, metrics);
    std::atomic<bool> ended{false};
    std::thread watcher([&] { watch_signals(signals, options.supervised, shared, ended); });
    std::thread wakes([&] { listen_for_wakes(state / "wake.sock", shared, ended); });
    loop.run();
    ended = true;
    watcher.join();
    wakes.join();
    spdlog::info("weirctld ends");
    close(lock);
    return kDone;
}

int run(const Options& options) {
    const slurm::Session session;
    if (!become_slurm_user(session.slurm_user()))
        return complain(kFailed, "must be started by root or by SlurmUser (uid " +
                                     std::to_string(session.slurm_user()) + ")");
    const fs::path policy_file = options.policy.empty()
                                     ? fs::path(session.configuration_file()).parent_path() / "weir.yaml"
                                     : options.policy;
    auto policy = config::load(policy_file);
    set_up_log(options, session);
    if (!policy) {
        for (const std::string& problem : policy.error()) {
            spdlog::error("{}", problem);
            std::cerr << problem << '\n';
        }
        return complain(kBadUse, policy_file.string() + " has errors");
    }
    return serve(options, session, std::move(*policy), policy_file);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{
        "weirctld: lends idle capacity between the partitions of a Slurm cluster, by the policy in "
        "weir.yaml"};
    app.add_option("--config", options.policy, "policy file (default: weir.yaml beside slurm.conf)");
    app.add_option("--log-file", options.log_file,
                   "where to log (default: standard error; under slurmctld beside its own log)");
    app.add_option("--log-level", options.log_level, "debug, info, warning or error")
        ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
    app.add_flag("--supervised", options.supervised, "started by sched_weir.so: ends with slurmctld");
    app.set_version_flag("--version", WEIR_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kDone : kBadUse;
    }
    try {
        return run(options);
    } catch (const std::exception& error) {
        return complain(kFailed, error.what());
    }
}
