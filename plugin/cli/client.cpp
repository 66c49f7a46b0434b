// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "plugin/cli/text.h"

namespace weir::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kLongestAnswer = std::size_t{256} << 20;  // bytes

class Connection {
  public:
    explicit Connection(std::chrono::milliseconds patience)
        : patience_(patience), deadline_(Clock::now() + patience) {
        descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    ~Connection() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Each returns what is wrong; empty if nothing is.
    std::string open(const std::string& path);
    std::string send_all(const std::string& text);
    std::string receive_line(std::string& line);

  private:
    std::string await(short events);

    std::chrono::milliseconds patience_;
    Clock::time_point deadline_;
    int descriptor_;
};

std::string Connection::await(short events) {
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
        pollfd wait{descriptor_, events, 0};
        const int ready = left.count() > 0 ? poll(&wait, 1, static_cast<int>(left.count())) : 0;
        if (ready > 0) return "";
        if (ready == 0) return "no answer within " + to_text(std::chrono::ceil<Duration>(patience_));
        if (errno != EINTR) return std::strerror(errno);
    }
}

std::string Connection::open(const std::string& path) {
    if (descriptor_ < 0) return std::strerror(errno);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return "the path is too long for a socket";
    std::strcpy(address.sun_path, path.c_str());
    // A full backlog says EAGAIN at once: many are asking, and the queue moves.
    while (connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return std::strerror(errno);
        if (Clock::now() > deadline_) return "too many others are asking";
        poll(nullptr, 0, 20);
    }
    return "";
}

std::string Connection::send_all(const std::string& text) {
    std::size_t done = 0;
    while (done < text.size()) {
        if (auto problem = await(POLLOUT); !problem.empty()) return problem;
        const ssize_t count = send(descriptor_, text.data() + done, text.size() - done, MSG_NOSIGNAL);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count < 0) return std::strerror(errno);
        done += static_cast<std::size_t>(count);
    }
    return "";
}

std::string Connection::receive_line(std::string& line) {
    char buffer[65536];
    while (line.find('\n', line.size() < sizeof buffer ? 0 : line.size() - sizeof buffer) ==
           std::string::npos) {
        if (line.size() > kLongestAnswer) return "the answer never ends";
        if (auto problem = await(POLLIN); !problem.empty()) return problem;
        const ssize_t count = recv(descriptor_, buffer, sizeof buffer, 0);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count < 0) return std::strerror(errno);
        if (count == 0) return "it hung up before it had answered";
        line.append(buffer, static_cast<std::size_t>(count));
    }
    line.erase(line.find('\n'));
    return "";
}

}  // namespace

Answer ask(const std::string& socket_path, const json& request, std::chrono::milliseconds patience) {
    Connection connection(patience);
    std::string line;
    std::string problem = connection.open(socket_path);
    if (problem.empty())
        problem = connection.send_all(request.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
    if (problem.empty()) problem = connection.receive_line(line);
    if (!problem.empty()) return {Answer::Kind::kUnreachable, {}, problem, {}};
    json answer = json::parse(line, nullptr, false);
    if (answer.is_object() && answer.contains("error"))
        return {Answer::Kind::kRefused, {}, text_of(answer, "error"), text_of(answer, "code")};
    if (!answer.is_object() || !answer.contains("result"))
        return {Answer::Kind::kUnreachable, {}, "what answers there is not weirctld", {}};
    return {Answer::Kind::kResult, std::move(answer["result"]), {}, {}};
}

}  // namespace weir::cli
