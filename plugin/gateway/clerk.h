// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugin/gateway/board.h"
#include "policies/overflow/rule.h"

namespace weir::gateway {

// A relay that asks to be served.
struct Guest {
    std::uint64_t connection = 0;
    std::uint32_t uid = 0;  // as the kernel tells
    nlohmann::json asks;
    std::shared_ptr<const Luggage> luggage;
    Clock::time_point next{};  // where it could not be served at once
};

// A signal that a relay got.
struct Alarm {
    std::uint32_t job = 0;
    int number = 0;
};

// What the desk hands to the clerk; under the board's lock.
struct Counter {
    std::deque<Guest> guests;
    std::deque<Alarm> alarms;
    std::set<std::uint64_t> present;  // connections of all who asked to be served
};

// Whether a job is the one that a copy was sent for: job ids are given out again once Slurm has lost its
// state. A requeue counts as a new submission, which a Slurm that lost its last seconds may have forgotten.
bool same_job(const Record& record, const LocalJob& job);

// The gateway's dealings with the local Slurm: lets in relays whose jobs may be sent, finds out what a signal
// means, and looks after copies whose relays are gone.
class Clerk {
  public:
    // `keep_lost`: how long a copy is kept whose job Slurm does not know and was not seen to end.
    Clerk(std::vector<policies::Site> sites, std::vector<config::SiteConnection> connections, Board& board,
          Counter& counter, std::chrono::seconds keep_lost)
        : sites_(std::move(sites)),
          connections_(std::move(connections)),
          board_(board),
          counter_(counter),
          keep_lost_(keep_lost),
          began_(Clock::now()) {}

    void round();

  private:
    // Whether that is done; if not, it is tried again in a while.
    bool serve(const Guest& guest);
    bool serve_or_refuse(const Guest& guest);
    bool goes_on(const LocalJob& job, const std::string& site) const;
    Result<void> check(const Guest& guest, const LocalJob& job, const policies::Site*& site,
                       std::string& user) const;
    bool admit(const Guest& guest, const LocalJob& job, const policies::Site& site, const std::string& user);
    bool attach(const Guest& guest, const LocalJob& job, Record record);
    void refuse(std::uint64_t connection, const std::string& why);
    bool heed(const Alarm& alarm);
    void pass_on(const Alarm& alarm);
    void look_after(std::uint32_t job);
    void settle(const Record& record, const LocalJob& job);
    void withdraw(std::uint32_t job, Withdrawal why);
    void forget(std::uint32_t job);
    void bring_home(const Record& record, const LocalJob& job);
    void put_off(const LocalJob& job) const;
    void stay_away(const Record& record, std::uint32_t id) const;
    void say(std::uint32_t job, const std::string& text);
    void tell_limit(const Record& record, const LocalJob& job);
    void await_return(const Record& record, const LocalJob& job);
    void tell_ends();
    void let_time_out(const Record& record);

    std::vector<policies::Site> sites_;
    std::vector<config::SiteConnection> connections_;
    Board& board_;
    Counter& counter_;
    std::chrono::seconds keep_lost_;
    Clock::time_point began_;
    std::map<std::uint32_t, Clock::time_point> last_look_;
    std::map<std::uint32_t, Clock::time_point> timing_out_;  // Slurm was told to end it, since then
};

}  // namespace weir::gateway
