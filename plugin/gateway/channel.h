// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "plugin/result.h"

namespace weir::gateway {

// A file descriptor that is closed with its owner.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor();

    int get() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }

  private:
    int number_ = -1;
};

// What relay and gateway say to each other: one packet, a JSON object with its kind under "do", bytes that
// belong to it, and open files that go along.
struct Message {
    nlohmann::json what;
    std::string bytes;
    std::vector<Descriptor> files;

    std::string kind() const { return what.value("do", ""); }
};

constexpr std::size_t kMostPacket = std::size_t{128} << 10;  // JSON and bytes together
constexpr std::size_t kMostBytes = std::size_t{64} << 10;    // of `bytes`
constexpr std::size_t kMostFiles = 4;

// One end of a connection (AF_UNIX, SOCK_SEQPACKET).
class Channel {
  public:
    explicit Channel(Descriptor socket) : socket_(std::move(socket)) {}

    int descriptor() const { return socket_.get(); }

    // A failure with EAGAIN where the other end does not read, with EMSGSIZE where the message is longer than
    // one may be; nothing was sent then.
    Result<void> send(const nlohmann::json& what, const std::string& bytes = {},
                      const std::vector<int>& files = {});

    // The next message. Absent if none is there now; a failure if the other end is gone or talks nonsense.
    Result<std::optional<Message>> receive();

    // uid of the process that connected, as the kernel tells.
    Result<std::uint32_t> peer() const;

  private:
    Descriptor socket_;
};

// Connects to a gateway's socket.
Result<Channel> connect_to(const std::string& path);

// Listens there, for everybody, replacing what is there.
Result<Descriptor> listen_at(const std::string& path);

}  // namespace weir::gateway
