// SPDX-License-Identifier: GPL-2.0-or-later
// weir-gateway: holds the credentials of remote sites and mirrors local jobs there.
#include <fcntl.h>
#include <httplib.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <thread>

#include "plugin/config/parse.h"
#include "plugin/gateway/clerk.h"
#include "plugin/gateway/desk.h"
#include "plugin/gateway/mover.h"
#include "plugin/gateway/report.h"
#include "plugin/gateway/site_worker.h"
#include "plugin/slurm/session.h"

namespace {

using namespace weir;
using namespace weir::gateway;
namespace fs = std::filesystem;

// Exit statuses, as weir-gateway(8) documents them.
constexpr int kFailed = 1;
constexpr int kBadUse = 2;  // command line or weir.yaml
constexpr int kLocked = 75;

constexpr std::chrono::milliseconds kPause{100};  // between two rounds of a worker, unless something changes
constexpr std::chrono::milliseconds kGather{5};   // changes that come one after the other
constexpr long kConnections = 16;                 // of readers of /sites

struct Options {
    fs::path policy;
    std::string host;
    fs::path state = "/var/lib/weir-gateway";
    std::string socket = "/run/weir/gateway.sock";
    std::string listen = "0.0.0.0";
    std::string log_level = "info";
    long keep_lost = 600;  // seconds
};

int complain(int status, const std::string& message) {
    std::cerr << "weir-gateway: " << message << std::endl;
    return status;
}

// What other processes of the machine could read of this one: nothing, no core either. It holds tokens.
void keep_to_itself() {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_DUMPABLE, 0);
}

// As many open files as it may have: each job is a connection.
void make_room() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
}

// Calls `round` again and again in a thread of its own, at once where it says that it found something to do.
// Between two it rests until somebody has changed something on the board, or for a moment.
// It ends with the process: what is under way is not waited for, the next one takes it up.
template <class Round>
void hire(Board& board, const std::string& what, Round round) {
    std::thread([&board, what, round]() mutable {
        std::uint64_t seen = 0;
        while (true) {
            bool busy = false;
            try {
                busy = round();
            } catch (const std::exception& error) {
                spdlog::error("{}: {}", what, error.what());
            }
            if (busy) continue;
            std::this_thread::sleep_for(kGather);
            board.rest(seen, kPause);
        }
    }).detach();
}

// The sites of this host, and how they are reached.
struct Sites {
    std::vector<policies::Site> sites;
    std::vector<config::SiteConnection> connections;
};
Sites sites_of(const config::Policy& policy, const std::string& host) {
    Sites result;
    for (const auto& connection : policy.connections) {
        const auto site = std::ranges::find(policy.overflow.sites, connection.site, &policies::Site::name);
        if (connection.host != host || site == policy.overflow.sites.end()) continue;
        result.sites.push_back(*site);
        result.connections.push_back(connection);
    }
    return result;
}

std::uint64_t sequence_of(const std::string& text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

int serve(const Options& options, const Sites& sites, Records records) {
    std::atomic<bool> stopping = false;
    Board board(std::move(records));
    Counter counter;
    auto desk = Desk::open(options.socket, board, counter);
    if (!desk) return complain(kFailed, desk.error().message);
    board.wake = [&] { (*desk)->wake(); };

    std::vector<std::string> names;
    names.reserve(sites.sites.size());
    for (const auto& site : sites.sites) names.push_back(site.name);
    httplib::Server http;
    std::mutex telling;
    http.new_task_queue = [] { return new httplib::ThreadPool(kConnections); };
    http.Get("/sites", [&](const httplib::Request& request, httplib::Response& response) {
        // One at a time, and no more than half of the time: whoever asks again and again holds up nobody.
        const std::scoped_lock one(telling);
        const auto began = Clock::now();
        const std::uint64_t after = sequence_of(request.get_param_value("after"));
        response.set_content(report(board, options.host, names, after), "application/json");
        std::this_thread::sleep_for(Clock::now() - began);
    });
    const int port = sites.connections.front().port;
    if (!http.bind_to_port(options.listen, port))
        return complain(kFailed, "cannot listen on " + options.listen + ":" + std::to_string(port));

    Clerk clerk(sites.sites, sites.connections, board, counter, std::chrono::seconds(options.keep_lost));
    std::thread listening([&] { http.listen_after_bind(); });
    std::thread greeting([&] { (*desk)->run(stopping); });
    hire(board, "Slurm", [&] {
        clerk.round();
        return false;
    });
    for (std::size_t i = 0; i < sites.sites.size(); ++i) {
        auto worker = std::make_shared<SiteWorker>(sites.connections[i], sites.sites[i], board);
        hire(board, sites.sites[i].name, [worker] {
            worker->round();
            return false;
        });
        for (int number = 0; number < kMovers; ++number) {
            auto mover = std::make_shared<Mover>(sites.connections[i], board, number == 0, stopping);
            hire(board, sites.sites[i].name + "'s files", [mover] { return mover->round(); });
        }
    }
    spdlog::info("serving {} sites on {} for {}", names.size(), options.socket, options.host);

    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGINT);
    int got = 0;
    ::sigwait(&awaited, &got);
    spdlog::info("stopping");
    stopping = true;
    (*desk)->wake();
    http.stop();
    listening.join();
    greeting.join();
    _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Mirrors local jobs at remote sites, which it holds the credentials of.");
    app.add_option("--host", options.host,
                   "serve the sites of this gateway.host (default: this host's name)");
    app.add_option("--policy", options.policy, "weir.yaml (default: beside slurm.conf)");
    app.add_option("--state", options.state, "its ledger's folder")->capture_default_str();
    app.add_option("--socket", options.socket, "where relays come in")->capture_default_str();
    app.add_option("--listen", options.listen, "address for the controller's questions")
        ->capture_default_str();
    app.add_option("--log-level", options.log_level)->capture_default_str();
    app.add_option("--keep-lost", options.keep_lost,
                   "seconds that a copy is kept whose job Slurm no longer knows and was not seen to end")
        ->check(CLI::NonNegativeNumber)
        ->envname("WEIR_GATEWAY_KEEP_LOST")
        ->capture_default_str();
    app.set_version_flag("--version", WEIR_VERSION);
    CLI11_PARSE(app, argc, argv);

    keep_to_itself();
    make_room();
    spdlog::set_default_logger(spdlog::stderr_logger_mt("weir-gateway"));
    spdlog::set_pattern("[%Y-%m-%dT%H:%M:%S.%e] %l: %v");
    spdlog::set_level(spdlog::level::from_str(options.log_level));
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &awaited, nullptr);
    ::signal(SIGPIPE, SIG_IGN);

    const slurm::Session session;
    if (options.policy.empty())
        options.policy = fs::path(session.configuration_file()).parent_path() / "weir.yaml";
    if (options.host.empty()) {
        std::array<char, 256> name{};
        ::gethostname(name.data(), name.size() - 1);
        options.host = name.data();
    }
    const auto policy = config::load(options.policy);
    if (!policy) {
        for (const std::string& problem : policy.error()) std::cerr << problem << '\n';
        return kBadUse;
    }
    const Sites sites = sites_of(*policy, options.host);
    if (sites.sites.empty())
        return complain(kBadUse,
                        options.policy.string() + " names no site whose gateway.host is " + options.host);
    std::error_code failed;
    fs::create_directories(options.state, failed);
    if (failed) return complain(kFailed, options.state.string() + ": " + failed.message());
    const int lock = ::open((options.state / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || ::flock(lock, LOCK_EX | LOCK_NB) != 0)
        return complain(kLocked, "another weir-gateway works on " + options.state.string());
    auto records = Records::open(options.state);
    if (!records) return complain(kFailed, records.error().message);
    for (const std::string& problem : records->problems()) spdlog::error("{}", problem);
    return serve(options, sites, std::move(*records));
}
