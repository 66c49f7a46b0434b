// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "plugin/config/site.h"
#include "plugin/gateway/board.h"
#include "plugin/gateway/rest/client.h"
#include "plugin/gateway/tokens.h"
#include "policies/overflow/rule.h"

namespace weir::gateway {

// Slurm lists a job that has ended for MinJobAge, 300 s by default.
constexpr std::chrono::seconds kSurelyListed{240};
constexpr std::chrono::seconds kTwoLooks{5};  // apart, before a copy counts as not there

// Asks one site's slurmrestd on behalf of all copies there: submits, watches, withdraws. One round looks at
// every copy that something is due for; each step is safe to be repeated after a crash.
class SiteWorker {
  public:
    SiteWorker(config::SiteConnection connection, policies::Site site, Board& board)
        : connection_(std::move(connection)),
          site_(std::move(site)),
          board_(board),
          client_({connection_.rest_url, connection_.ca_file}),
          tokens_(connection_) {}

    const std::string& name() const { return site_.name; }
    void round();

  private:
    struct Task {
        Record record;
        Live live;
    };

    std::vector<Task> due();
    void step(Task& task);
    void submit(Task& task);
    void submitted(Task& task, std::uint32_t id, const char* how);
    void submission_failed(Task& task, const rest::Failure& failure);
    void find_again(Task& task);
    void withdraw(Task& task);
    void pass_signals(Task& task);
    void visit(const std::string& account, std::vector<Task>& tasks);
    void watch(const std::string& account, std::vector<Task>& tasks);
    rest::Answered<rest::Job> copy_of(const Task& task, const rest::Credentials& credentials);
    void look(Task& task);
    void waits(Task& task);
    void note_wait(Duration wait);
    void seen(Task& task, const rest::Job& job);
    void lost(Task& task);
    void finish(Task& task, Outcome outcome);
    void probe();
    void unwelcome();
    void probe_soon();
    void note(const rest::Failure& failure);
    void answered(const std::string& account);
    // An account that the site does not let in, or for which there is no token: it alone is left alone for a
    // while.
    void hold(const std::string& account, const std::string& why);
    bool on_hold(const std::string& account) const;
    Clock::time_point last_failed(const std::string& account) const;
    void drop_others(Task& task);
    void later(const Task& task, std::chrono::milliseconds rest);
    void later_each_time(const Task& task);
    // A change of a record that is still of that copy, applied to what is there now.
    bool change(Task& task, const std::function<void(Record&)>& apply);
    rest::Answered<rest::Credentials> who(const std::string& account);
    // Notes how the site took a request.
    template <class T>
    T checked(const std::string& account, T answer) {
        if (answer)
            answered(account);
        else
            not_answered(account, answer.error());
        return answer;
    }
    void not_answered(const std::string& account, const rest::Failure& failure);

    config::SiteConnection connection_;
    policies::Site site_;
    Board& board_;
    rest::Client client_;
    Tokens tokens_;
    Clock::time_point next_probe_{};  // sooner where a copy has taken or left room there
    Clock::duration probe_took_{};
    Clock::time_point next_try_{};  // the site is left alone until then
    int troubles_ = 0;              // in a row
    struct Hold {
        Clock::time_point until;
        int troubles = 0;  // in a row
    };
    std::map<std::string, Hold> holds_;  // by account
    std::map<std::string, Clock::time_point> failed_;
    std::set<std::string> failing_;  // accounts that got no sense from it since anybody last did
};

}  // namespace weir::gateway
