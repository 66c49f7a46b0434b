// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/agent/server.h"

#include <httplib.h>
#include <sys/resource.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <thread>
#include <utility>

#include "topology/agent/metrics.h"

namespace weir::agent {
namespace {

constexpr std::size_t kThreads = 3;
constexpr std::chrono::seconds kPatience{5};  // for a client that is slow to ask or to take its answer
constexpr std::size_t kMostAsked = 4096;      // bytes of a request's body, of which nothing is wanted
constexpr int kMostPort = 65535;

double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto in_seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
}

// The library would let a second agent share the port.
void share_no_port(socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

}  // namespace

Result<Address> parse_address(const std::string& text) {
    const auto refused = [&] {
        return failure("\"" + text + "\" is not host:port (as in 0.0.0.0:9810, [::]:9810)");
    };
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return refused();
    Address address{text.substr(0, colon), 0};
    const char* end = text.data() + text.size();
    const auto [read, error] = std::from_chars(text.data() + colon + 1, end, address.port);
    if (error != std::errc{} || read != end || address.port < 0 || address.port > kMostPort) return refused();
    if (address.host.starts_with('[') && address.host.ends_with(']'))
        address.host = address.host.substr(1, address.host.size() - 2);
    else if (address.host.find(':') != std::string::npos)
        return refused();
    if (address.host.empty()) return refused();
    return address;
}

std::string to_text(const Address& address) {
    const bool v6 = address.host.find(':') != std::string::npos;
    return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

struct Server::Parts {
    const Board& board;
    const std::string node;
    httplib::Server http;
    std::thread thread;
};

Server::Server(const Board& board, std::string node) : parts_(new Parts{board, std::move(node), {}, {}}) {
    using httplib::Request;
    using httplib::Response;
    httplib::Server& http = parts_->http;
    http.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    http.set_socket_options(share_no_port);
    http.set_read_timeout(kPatience);
    http.set_write_timeout(kPatience);
    http.set_payload_max_length(kMostAsked);
    http.set_keep_alive_max_count(1);  // who keeps a connection would keep a thread
    const Parts& parts = *parts_;
    http.Get("/metrics", [&parts](const Request&, Response& response) {
        response.set_content(exposition(parts.board.look(Clock::now()), parts.node, cpu_seconds()),
                             "text/plain; version=0.0.4; charset=utf-8");
    });
    http.Get("/topology", [&parts](const Request&, Response& response) {
        const View view = parts.board.look(Clock::now());
        if (view.topology) return response.set_content(*view.topology, "application/json");
        response.status = 503;
        response.set_content("the topology has not been discovered yet\n", "text/plain");
    });
    http.Get("/healthz", [&parts](const Request&, Response& response) {
        const Health health = health_of(parts.board.look(Clock::now()));
        response.status = health.good ? 200 : 503;
        response.set_content((health.good ? "ok: " : "") + health.sentence + "\n", "text/plain");
    });
}

Server::~Server() {
    if (!parts_->thread.joinable()) return;
    parts_->http.stop();
    parts_->thread.join();
}

Result<Address> Server::listen(const Address& address) {
    Address bound = address;
    errno = 0;
    if (address.port == 0)
        bound.port = parts_->http.bind_to_any_port(address.host);
    else if (!parts_->http.bind_to_port(address.host, address.port))
        bound.port = -1;
    if (bound.port < 0)
        return failure("cannot listen on " + to_text(address) + ": " +
                       (errno == 0 ? "no such host" : std::strerror(errno)));
    parts_->thread = std::thread([this] { parts_->http.listen_after_bind(); });
    // stop() has an effect only on a server that runs.
    while (!parts_->http.is_running()) std::this_thread::yield();
    return bound;
}

}  // namespace weir::agent
