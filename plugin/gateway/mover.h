// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "plugin/config/site.h"
#include "plugin/gateway/board.h"
#include "plugin/net/sftp.h"

namespace weir::gateway {

// A site has so many, one of them quick. Of the others one account has not all, however much it moves.
constexpr int kMovers = 4;
constexpr int kMostOfAccount = kMovers - 2;

// Moves files between relays and one site; each mover is a thread with connections of its own. One that is
// `quick` brings output alone, so that large files hold up nobody's end.
class Mover {
  public:
    Mover(config::SiteConnection site, Board& board, bool quick, const std::atomic<bool>& stopping)
        : site_(std::move(site)), board_(board), quick_(quick), stopping_(stopping) {}

    // Takes one copy for which something is due and does it. Whether there was one.
    bool round();

  private:
    struct Task {
        std::uint64_t number = 0;
        Record record;
        std::array<Stream, 2> streams;
        std::set<std::string> brought;
        std::shared_ptr<std::map<std::string, FileState>> begun;
        std::uint64_t connection = 0;  // of its relay
        bool attached = false;         // and it listens
        bool lost = false;
        std::chrono::milliseconds rest{0};  // that it takes afterwards
    };
    // Gives a task back, whatever happens.
    class Holding {
      public:
        Holding(Mover& mover, const Task& task) : mover_(mover), task_(task) {}
        ~Holding() { mover_.put_back(task_); }
        Holding(const Holding&) = delete;
        Holding& operator=(const Holding&) = delete;

      private:
        Mover& mover_;
        const Task& task_;
    };
    std::optional<Task> take();
    bool wanted(const Record& record, const Live& live) const;
    bool still_wanted(const Task& task);
    void put_back(const Task& task);
    Live* mine(const Task& task);
    void work(Task& task);

    void stage_in(Task& task);
    std::function<bool(std::int64_t)> progress(const Task& task, const std::string& name, std::int64_t size,
                                               const char* how);
    Result<bool> send_one(Task& task, Message& offer);
    bool bring_output(Task& task);
    bool bring(Task& task, int stream);
    std::string look(Task& task, Stream& stream, const std::string& path);
    void stage_out(Task& task);
    void count(const Task& task, std::int64_t bytes);
    Result<void> bring_file(Task& task, const std::string& name, const net::SftpEntry& entry);
    Result<void> bring_tree(Task& task, const std::string& name, int depth);
    Result<void> bring_path(Task& task, const std::string& path);
    void clean(Task& task);
    bool note_late_output(Task& task);
    Result<Message> ask(Task& task, nlohmann::json question);
    net::Sftp& sftp(const std::string& account);
    Result<void> check_key(const std::string& account) const;
    void tell_trouble(Task& task, const Error& error);
    void moves(const Task& task);
    void change(Task& task, const std::function<void(Record&)>& apply);

    config::SiteConnection site_;
    Board& board_;
    bool quick_;
    const std::atomic<bool>& stopping_;
    std::map<std::string, net::Sftp> connections_;
};

// Error::code where a relay is not there, or does not listen: nothing is wrong with the site.
constexpr int kNoRelay = 100;

// Whether a file may move later that does not move now.
bool worth_trying_again(const Error& error);

// Whether a name may be one in a copy's folder, or in the user's: relative, and leads nowhere else.
bool stays_inside(const std::string& name);

}  // namespace weir::gateway
