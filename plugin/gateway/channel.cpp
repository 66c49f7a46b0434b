// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/channel.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace weir::gateway {
namespace {

constexpr int kBacklog = 1024;
constexpr int kBuffer = 1 << 20;  // of a socket, so that a packet always fits

tl::unexpected<Error> system_failure(const std::string& what) {
    const int code = errno;
    return failure(what + ": " + std::generic_category().message(code), code);
}

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return failure(path + " is too long for a socket");
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

Result<Descriptor> packet_socket() {
    Descriptor made(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!made) return system_failure("making a socket");
    ::setsockopt(made.get(), SOL_SOCKET, SO_SNDBUF, &kBuffer, sizeof kBuffer);
    return made;
}

}  // namespace

Descriptor::~Descriptor() {
    if (number_ >= 0) ::close(number_);
}

Result<void> Channel::send(const nlohmann::json& what, const std::string& bytes,
                           const std::vector<int>& files) {
    // Text of users may be no UTF-8: what is not is replaced, never thrown about.
    std::string packet = what.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + '\n' + bytes;
    if (packet.size() > kMostPacket || files.size() > kMostFiles)
        return failure("a message is longer than " + std::to_string(kMostPacket >> 10) + " KiB", EMSGSIZE);
    iovec part{packet.data(), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostFiles * sizeof(int))> control{};
    if (!files.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(files.size() * sizeof(int));
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(files.size() * sizeof(int));
        std::memcpy(CMSG_DATA(header), files.data(), files.size() * sizeof(int));
    }
    ssize_t sent = 0;
    do sent = ::sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return system_failure("sending");
    return {};
}

Result<std::optional<Message>> Channel::receive() {
    std::string packet(kMostPacket, '\0');
    iovec part{packet.data(), packet.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostFiles * sizeof(int))> control{};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t got = 0;
    do got = ::recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
    if (got < 0) return system_failure("receiving");
    Message result;
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            result.files.emplace_back(number);
        }
    }
    if (got == 0) return failure("the other end has closed the connection");
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return failure("a message is too long");
    packet.resize(static_cast<std::size_t>(got));
    const auto cut = packet.find('\n');
    if (cut == std::string::npos) return failure("a message has no end");
    result.what = nlohmann::json::parse(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(cut),
                                        nullptr, false);
    if (!result.what.is_object()) return failure("a message is not JSON");
    result.bytes = packet.substr(cut + 1);
    return result;
}

Result<std::uint32_t> Channel::peer() const {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0)
        return system_failure("asking who has connected");
    return who.uid;
}

Result<Channel> connect_to(const std::string& path) {
    const auto address = address_of(path);
    if (!address) return tl::make_unexpected(address.error());
    auto made = packet_socket();
    if (!made) return tl::make_unexpected(made.error());
    if (::connect(made->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
        return system_failure(path);
    return Channel(std::move(*made));
}

Result<Descriptor> listen_at(const std::string& path) {
    // Made beside it and then put in its place: at no moment is there none, which a Prolog would drain its
    // node for.
    const std::string fresh = path + ".new";
    const auto address = address_of(fresh);
    if (!address) return tl::make_unexpected(address.error());
    auto made = packet_socket();
    if (!made) return made;
    ::unlink(fresh.c_str());
    if (::bind(made->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
        return system_failure(fresh);
    if (::chmod(fresh.c_str(), 0666) != 0 || ::listen(made->get(), kBacklog) != 0 ||
        ::rename(fresh.c_str(), path.c_str()) != 0)
        return system_failure(path);
    return made;
}

}  // namespace weir::gateway
