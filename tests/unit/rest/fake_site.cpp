// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/rest/fake_site.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace weir::rest::test {
namespace {

// The length of a request's body.
std::size_t body_length(const std::string& head) {
    const auto found = head.find("Content-Length: ");
    return found == std::string::npos ? 0 : std::strtoul(head.c_str() + found + 16, nullptr, 10);
}

}  // namespace

std::string http(int status, const std::string& body) {
    return "HTTP/1.1 " + std::to_string(status) + " Words\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}

FakeSite::FakeSite(Answer answer) : answer_(std::move(answer)), listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_, any, length) != 0 || listen(listener_, 16) != 0 ||
        getsockname(listener_, any, &length) != 0)
        throw std::runtime_error("cannot listen on this host");
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept_all(); });
}

FakeSite::~FakeSite() {
    shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    {
        const std::lock_guard lock(mutex_);
        for (const int connection : open_) shutdown(connection, SHUT_RDWR);
    }
    for (std::thread& thread : serving_) thread.join();
    for (const int connection : open_) close(connection);
    close(listener_);
}

std::string FakeSite::url(const std::string& scheme) const {
    return scheme + "://127.0.0.1:" + std::to_string(port_);
}

std::vector<std::string> FakeSite::requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
}

std::vector<std::string> FakeSite::lines() {
    std::vector<std::string> lines = requests();
    for (std::string& line : lines) line = line.substr(0, line.find(" HTTP/"));
    return lines;
}

int FakeSite::connections() {
    const std::lock_guard lock(mutex_);
    return connections_;
}

void FakeSite::accept_all() {
    for (int connection = 0; (connection = accept(listener_, nullptr, nullptr)) >= 0;) {
        const std::lock_guard lock(mutex_);
        ++connections_;
        open_.push_back(connection);
        serving_.emplace_back([this, connection] { serve(connection); });
    }
}

void FakeSite::serve(int connection) {
    std::string held;
    for (char buffer[4096];;) {
        const auto end = held.find("\r\n\r\n");
        const std::size_t whole = end == std::string::npos ? 0 : end + 4 + body_length(held.substr(0, end));
        if (whole == 0 || held.size() < whole) {
            const auto got = recv(connection, buffer, sizeof buffer, 0);
            if (got <= 0) return;
            held.append(buffer, static_cast<std::size_t>(got));
            continue;
        }
        const std::string request = held.substr(0, whole);
        held.erase(0, whole);
        std::string bytes;
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
            bytes = answer_(request);
        }
        if (bytes.empty()) {
            shutdown(connection, SHUT_RDWR);
            return;
        }
        static_cast<void>(send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    }
}

}  // namespace weir::rest::test
