// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/job_submit/wake.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

namespace weir::job_submit {

std::string wake_path(const std::string& state_directory) {
    return state_directory + "/weir/wake.sock";
}

void wake(const std::string& state_directory) {
    const std::string path = wake_path(state_directory);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return;
    std::ranges::copy(path, address.sun_path);

    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0) return;
    const char byte = 1;
    // Lost on purpose: see the promise.
    (void)::sendto(socket, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                   sizeof address);
    ::close(socket);
}

}  // namespace weir::job_submit
