// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <map>
#include <string>

#include "plugin/gateway/board.h"
#include "plugin/gateway/clerk.h"

namespace weir::gateway {

// Where relays come in: one thread for all their connections, which never waits for anything else.
class Desk {
  public:
    static Result<std::unique_ptr<Desk>> open(const std::string& socket, Board& board, Counter& counter);

    // Until `stopping`.
    void run(const std::atomic<bool>& stopping);
    // From any thread: there are letters, or it is to stop.
    void wake() const;

  private:
    struct Visitor {
        Channel channel;
        std::uint32_t uid = 0;
        std::uint32_t job = 0;  // once it has asked to be served
        std::deque<Letter> waiting;
        bool wants_room = false;  // to send
    };
    Desk(Descriptor poll, Descriptor listener, Descriptor bell, Board& board, Counter& counter)
        : poll_(std::move(poll)),
          listener_(std::move(listener)),
          bell_(std::move(bell)),
          board_(board),
          counter_(counter) {}
    bool crowds(std::uint32_t uid) const;
    void let_in();
    void listen_to(std::uint64_t number);
    void take(std::uint64_t number, Visitor& visitor, Message message);
    void deliver();
    bool send(std::uint64_t number, Visitor& visitor);
    void dismiss(std::uint64_t number);
    Live* served(std::uint64_t number, const Visitor& visitor);

    Descriptor poll_;
    Descriptor listener_;
    Descriptor bell_;
    Board& board_;
    Counter& counter_;
    std::map<std::uint64_t, Visitor> visitors_;
    std::uint64_t last_ = 2;  // numbers below are the listener's and the bell's
};

}  // namespace weir::gateway
