// SPDX-License-Identifier: GPL-2.0-or-later
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "plugin/job_submit/wake.h"

using weir::job_submit::wake;
using weir::job_submit::wake_path;

namespace {

// A state directory of its own, and a listener in it where asked for.
class Listener {
  public:
    Listener() {
        std::string name = (std::filesystem::temp_directory_path() / "weir-wake-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        directory_ = name;
        std::filesystem::create_directory(directory_ / "weir");
    }
    ~Listener() {
        if (socket_ >= 0) ::close(socket_);
        std::filesystem::remove_all(directory_);
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    void listen() {
        socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy(wake_path(directory()), address.sun_path);
        REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }

    // Datagrams waiting, all of one byte.
    int received() const {
        int count = 0;
        char bytes[8];
        while (::recv(socket_, bytes, sizeof bytes, 0) == 1) ++count;
        return count;
    }

    std::string directory() const { return directory_.string(); }

  private:
    std::filesystem::path directory_;
    int socket_ = -1;
};

}  // namespace

TEST_CASE("waking reaches who listens", "[job_submit][wake]") {
    Listener listener;
    listener.listen();
    wake(listener.directory());
    CHECK(listener.received() == 1);
    CHECK(listener.received() == 0);
}

TEST_CASE("waking nobody is no error", "[job_submit][wake]") {
    const Listener listener;
    wake(listener.directory());
    wake("/no/such/directory");
    wake("");
    wake("/" + std::string(200, 'x'));
}

TEST_CASE("a full queue does not block", "[job_submit][wake]") {
    Listener listener;
    listener.listen();
    for (int i = 0; i < 10'000; ++i) wake(listener.directory());
    CHECK(listener.received() > 0);
}
