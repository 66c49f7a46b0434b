// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>

#include "topology/agent/board.h"

namespace weir::agent {

// Where to listen. Port 0: any that is free.
struct Address {
    std::string host;  // a name or an address; IPv6 without brackets
    int port = 0;
};

// Reads "host:port" or "[host]:port".
Result<Address> parse_address(const std::string& text);
std::string to_text(const Address& address);

// Serves /metrics, /topology and /healthz of a board over HTTP, on threads of its own.
class Server {
  public:
    Server(const Board& board, std::string node);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Begins to serve; says where.
    Result<Address> listen(const Address& address);

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace weir::agent
