// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/control_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace weir::controller {
namespace {

using json = nlohmann::ordered_json;

constexpr int kThreads = 4;  // people asking at a time; one that dawdles delays no other
constexpr std::size_t kLongestRequest = 1U << 16;        // bytes
constexpr std::chrono::seconds kDawdle{2};               // a client gets so long for each read and write
constexpr std::int64_t kLongestPin = 366LL * 24 * 3600;  // seconds
constexpr std::chrono::seconds kPatience{30};            // for the loop to take up an order

std::string user_name(std::uint32_t uid) {
    std::string buffer(16384, '\0');
    passwd entry{};
    passwd* found = nullptr;
    getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    return found != nullptr ? found->pw_name : std::to_string(uid);
}

std::string read_line(int connection) {
    std::string line;
    char buffer[4096];
    while (line.size() < kLongestRequest && line.find('\n') == std::string::npos) {
        const ssize_t count = recv(connection, buffer, sizeof buffer, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        line.append(buffer, static_cast<std::size_t>(count));
    }
    return line.substr(0, line.find('\n'));
}

void write_all(int connection, const std::string& text) {
    std::size_t done = 0;
    while (done < text.size()) {
        const ssize_t count = send(connection, text.data() + done, text.size() - done, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return;
        done += static_cast<std::size_t>(count);
    }
}

json bad_request(const std::string& why) {
    return refusal("bad_request", why);
}

// An answer that already is {"error": ...} stays one.
json answer_of(json result) {
    if (result.contains("error")) return result;
    return {{"result", std::move(result)}};
}

std::string system_error(const std::string& what) {
    return what + ": " + std::strerror(errno);
}

// True when somebody listens there already.
bool answers(const sockaddr_un& address) {
    const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool alive = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(probe);
    return alive;
}

}  // namespace

Result<std::unique_ptr<ControlSocket>> ControlSocket::listen(const std::string& path,
                                                             std::uint32_t slurm_user, Shared& shared) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return failure("control socket " + path + ": path is too long");
    std::strcpy(address.sun_path, path.c_str());
    if (answers(address)) return failure("control socket " + path + ": another program listens there");
    struct stat status {};
    if (lstat(path.c_str(), &status) == 0) {
        if (!S_ISSOCK(status.st_mode))
            return failure("control socket " + path + ": a file that is no socket is in its place");
        unlink(path.c_str());
    }
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) return failure(system_error("control socket " + path));
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        chmod(path.c_str(), 0666) != 0 || ::listen(listener, 64) != 0) {
        const auto why = system_error("control socket " + path);
        close(listener);
        return failure(why);
    }
    return std::unique_ptr<ControlSocket>(new ControlSocket(listener, path, slurm_user, shared));
}

ControlSocket::ControlSocket(int listener, std::string path, std::uint32_t slurm_user, Shared& shared)
    : listener_(listener), path_(std::move(path)), slurm_user_(slurm_user), shared_(shared) {
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { serve(); });
}

ControlSocket::~ControlSocket() {
    stopping_ = true;
    threads_.clear();
    close(listener_);
    unlink(path_.c_str());
}

void ControlSocket::serve() {
    while (!stopping_) {
        pollfd wait{listener_, POLLIN, 0};
        if (poll(&wait, 1, 200) <= 0) continue;
        const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) continue;  // another thread was quicker, or the client is gone
        const timeval dawdle{kDawdle.count(), 0};
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &dawdle, sizeof dawdle);
        setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &dawdle, sizeof dawdle);
        try {
            answer(connection);
        } catch (const std::exception& failure) {
            spdlog::error("control socket: {}", failure.what());
        }
        close(connection);
    }
}

void ControlSocket::answer(int connection) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
    const Reader reader{peer.uid, peer.uid == 0 || peer.uid == slurm_user_};
    const std::string line = read_line(connection);
    write_all(connection, reply(line, reader).dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
}

json ControlSocket::reply(const std::string& line, const Reader& reader) {
    const json request = json::parse(line, nullptr, false);
    if (!request.is_object() || !request.contains("ask") || !request["ask"].is_string())
        return bad_request("a request is one line of JSON with a member \"ask\"");
    const std::string ask = request["ask"];
    if (ask == "scale") return scale(request, reader);
    if (ask == "pause" || ask == "resume" || ask == "return") return carry_out(ask, request, reader);
    const auto view = shared_.view();
    if (!view) return refusal("not_ready", "weirctld has not seen slurmctld yet; try again in a moment");
    if (ask == "status") return answer_of(status_to_json(*view, reader));
    if (ask == "plan") return answer_of(plan_to_json(*view, reader));
    if (ask == "loans") return answer_of(loans_to_json(*view, reader));
    if (ask == "services") {
        const bool named = request.contains("service") && request["service"].is_string();
        return answer_of(services_to_json(*view, reader, named ? request["service"].get<std::string>() : ""));
    }
    if (ask == "moves") return answer_of(moves_to_json(*view, reader));
    if (ask == "sites") return answer_of(sites_to_json(*view, reader));
    if (ask == "idle") return answer_of(idle_to_json(*view, reader));
    if (ask == "explain") {
        if (!request.contains("job") || !request["job"].is_string())
            return bad_request("explain needs a member \"job\"");
        return answer_of(explain_to_json(*view, reader, request["job"]));
    }
    return bad_request("weirctld knows no request \"" + ask + "\"");
}

json ControlSocket::scale(const json& request, const Reader& reader) {
    if (!reader.privileged) return refusal("not_allowed", "only root and SlurmUser may scale");
    auto order = std::make_shared<Order>();
    order->kind = Order::Kind::kScale;
    order->by = user_name(reader.uid);
    if (!request.contains("service") || !request["service"].is_string())
        return bad_request("scale needs a member \"service\"");
    order->service = request["service"];
    if (request.contains("count") && !request["count"].is_null()) {
        const json& count = request["count"];
        if (!count.is_number_integer() || count.get<std::int64_t>() < 0 ||
            count.get<std::int64_t>() > 1'000'000)
            return bad_request("\"count\" must be a whole number");
        Pin pin;
        pin.count = count.get<int>();
        if (request.contains("seconds") && request["seconds"].is_number_integer()) {
            const auto length =
                std::clamp<std::int64_t>(request["seconds"].get<std::int64_t>(), 1, kLongestPin);
            pin.until = std::chrono::floor<Duration>(std::chrono::system_clock::now()) + Duration(length);
        }
        order->pin = pin;
    }
    const std::string why_not = shared_.submit(order, kPatience);
    if (!why_not.empty()) return refusal("failed", why_not);
    return {{"result",
             {{"done", "scale"},
              {"service", order->service},
              {"count", order->pin ? json(order->pin->count) : json(nullptr)},
              {"until", order->pin && order->pin->until ? json(order->pin->until->time_since_epoch().count())
                                                        : json(nullptr)}}}};
}

json ControlSocket::carry_out(const std::string& ask, const json& request, const Reader& reader) {
    if (!reader.privileged) return refusal("not_allowed", "only root and SlurmUser may " + ask);
    auto order = std::make_shared<Order>();
    order->kind = ask == "pause"    ? Order::Kind::kPause
                  : ask == "resume" ? Order::Kind::kResume
                                    : Order::Kind::kReturn;
    order->by = user_name(reader.uid);
    if (request.contains("rules")) {
        if (!request["rules"].is_array()) return bad_request("\"rules\" must be a list of names");
        for (const json& rule : request["rules"]) {
            if (!rule.is_string()) return bad_request("\"rules\" must be a list of names");
            order->rules.push_back(rule);
        }
    }
    const std::string why_not = shared_.submit(order, kPatience);
    if (!why_not.empty()) return refusal("failed", why_not);
    return {{"result", {{"done", ask}, {"paused", order->paused}, {"held_home", order->held_home}}}};
}

}  // namespace weir::controller
