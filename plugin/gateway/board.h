// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "plugin/gateway/channel.h"
#include "plugin/gateway/local_job.h"
#include "plugin/gateway/order.h"
#include "plugin/gateway/records.h"
#include "plugin/gateway/stream.h"

namespace weir::gateway {

using Clock = std::chrono::steady_clock;

inline Time now_in_seconds() {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now());
}

// A relay says every 5 seconds that it is there: one that is stopped does not, and answers nothing.
constexpr std::chrono::seconds kLongSilence{12};

// What goes to a relay.
struct Letter {
    nlohmann::json what;
    std::string bytes;
};

// Of a file here, by which to tell whether it is still the same.
struct FileState {
    std::int64_t size = 0;
    std::int64_t changed = 0;  // nanoseconds
    std::uint64_t number = 0;  // inode

    bool operator==(const FileState&) const = default;
};

// What is known of a copy only as long as this process lives.
struct Live {
    std::uint64_t connection = 0;  // of its relay; 0: none
    Clock::time_point heard{};     // from its relay
    std::shared_ptr<const Luggage> luggage;
    LocalJob local;  // as it was when the relay came
    std::array<Stream, 2> streams;
    std::int64_t egress = 0;                  // bytes that came from the site
    std::set<int> signals;                    // to be passed on to the site
    bool told_done = false;                   // the relay knows how it ended
    bool told_limit = false;                  // its user knows that a longer time limit does not reach it
    bool lost = false;                        // and there was no room for all of the output
    bool clean = false;                       // nothing of it is left at the site
    bool pinned = false;                      // a job that lost its node waits for this site alone
    std::optional<Clock::time_point> gone;    // since when Slurm does not know the local job
    bool seen_ended = false;                  // Slurm has said that the local job is over
    int troubles = 0;                         // in a row, with the site
    Time seen_waiting{};                      // at the site, last
    std::optional<Clock::time_point> missed;  // since when the site does not list it
    Clock::time_point next_ask{};             // the site is left alone with this copy until then
    Clock::time_point next_move{};            // files are left alone until then
    std::uint64_t moving = 0;                 // the task of the mover that works on it; 0: none
    bool slowly = false;                      // that one is not for output alone
    std::set<std::string> brought;            // files that are back
    // Files that are there or on their way, as they were; for the mover that works on it alone.
    std::shared_ptr<std::map<std::string, FileState>> begun =
        std::make_shared<std::map<std::string, FileState>>();
    std::set<std::string> told;  // troubles with its files that its user knows, without their figures

    // Whether its relay is there and listens.
    bool attached() const { return connection != 0 && Clock::now() - heard < kLongSilence; }
};

// A trouble that is met again and again while it lasts; once nobody meets it any more it is not told.
struct Complaint {
    std::string text;
    Clock::time_point at{};
};

// How a site stands, for the controller and for people.
struct SiteState {
    bool reachable = false;
    std::string problem;
    std::map<std::string, Complaint> accounts;  // those that it does not let in, and why
    Complaint files;                            // why no file moves to or from it
    Time at{};
    std::chrono::microseconds round_trip{};
    std::string api;
    std::vector<SiteRoom> rooms;
    std::int64_t bytes_per_second = 0;
    std::deque<Clock::time_point> failures;  // of the last ten minutes
    std::deque<Duration> waits;              // of the copies that started last, or were taken back
};

// All that the threads of a gateway share, behind one lock. Who works on a copy takes what he needs, works
// without the lock, and looks again before he notes what came of it.
class Board {
  public:
    explicit Board(Records records) : records_(std::move(records)) {}

    std::mutex& lock() { return lock_; }

    // Under the lock:
    Records& records() { return records_; }
    Live& live(std::uint32_t job) { return lives_[job]; }
    std::map<std::uint32_t, Live>& lives() { return lives_; }
    SiteState& site(const std::string& name) { return sites_[name]; }
    // Changes a record on disk and in memory; what cannot be written is logged and not done.
    bool put(const Record& record);
    // Puts a letter out for a copy's relay; nothing if it has none.
    void post(std::uint32_t job, nlohmann::json what, std::string bytes = {});
    // A line for the user, and for the controller.
    void say(Record& record, const std::string& text);
    std::deque<std::pair<std::uint64_t, Letter>>& letters() { return letters_; }
    // What relays answered to movers' questions, by job; a mover waits for it.
    std::map<std::uint32_t, std::deque<Message>>& answers() { return answers_; }
    std::condition_variable& answered() { return answered_; }

    // Has those who rest look again.
    void stir() {
        ++changes_;
        changed_.notify_all();
    }

    // Without the lock: rests until something has changed since `seen`, which is brought up to date, or so
    // long.
    void rest(std::uint64_t& seen, std::chrono::milliseconds at_most);

    // Wakes the desk when there are letters; set once.
    std::function<void()> wake = [] {};

  private:
    std::mutex lock_;
    Records records_;
    std::map<std::uint32_t, Live> lives_;
    std::map<std::string, SiteState> sites_;
    std::deque<std::pair<std::uint64_t, Letter>> letters_;
    std::map<std::uint32_t, std::deque<Message>> answers_;
    std::condition_variable answered_;
    std::uint64_t changes_ = 0;
    std::condition_variable changed_;
};

}  // namespace weir::gateway
