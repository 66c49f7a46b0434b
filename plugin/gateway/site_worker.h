// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugin/config/site.h"
#include "plugin/gateway/board.h"
#include "plugin/gateway/rest/client.h"
#include "plugin/gateway/tokens.h"
#include "policies/overflow/rule.h"

namespace weir::gateway {

// What a copy's state at the site means for its local job. Absent while it is not over.
std::optional<Outcome> outcome_of(const rest::Job& job, const std::string& site);

// Free nodes by make, for the controller.
std::vector<SiteRoom> rooms_of(const std::vector<rest::Node>& nodes, const std::string& partition);

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
    void watch(std::vector<Task>& tasks);
    void look(Task& task);
    void waits(Task& task);
    void seen(Task& task, const rest::Job& job);
    void lost(Task& task);
    void finish(Task& task, Outcome outcome);
    void probe();
    void note(const rest::Failure& failure);
    void answered();
    void later(Task& task, std::chrono::milliseconds rest);
    template <class Change>
    bool change(Task& task, Change apply);
    rest::Answered<rest::Credentials> who(const std::string& account);
    template <class T>
    T checked(const std::string& account, T answer);

    config::SiteConnection connection_;
    policies::Site site_;
    Board& board_;
    rest::Client client_;
    Tokens tokens_;
    Clock::time_point next_probe_{};
    Clock::time_point next_try_{};  // the site is left alone until then
    int troubles_ = 0;              // in a row
};

}  // namespace weir::gateway
