// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "plugin/gateway/rest/model.h"
#include "plugin/net/http.h"

namespace weir::rest {

// Where a site's slurmrestd answers. Plain http is for this host alone: a token goes over no network in
// clear.
struct Endpoint {
    std::string url;      // "https://rest.west.example:6820"
    std::string ca_file;  // empty: the system's authorities

    bool operator==(const Endpoint&) const = default;
};

struct Pinged {
    Ping ping;
    std::chrono::microseconds round_trip{};

    bool operator==(const Pinged&) const = default;
};

// A site's slurmrestd, for use by one thread; connections are kept open. Calls block, 10 s at most, lists 60
// s. The first call finds out which version the site speaks, and so does one that meets an address that is
// gone. Headers alone carry the token, and no message holds it.
class Client {
  public:
    explicit Client(Endpoint endpoint);

    // Asks the site anew which versions it speaks; the best that both know is used from now on.
    Answered<Version> discover(const Credentials& who);
    std::optional<Version> version() const { return version_; }

    Answered<Pinged> ping(const Credentials& who);

    // The new job's id. Unless it has just answered this user, the controller is asked whether it does: where
    // that fails nothing was submitted, which is kUnreachable or kUnauthorized. Only after kUnsure and
    // kGarbage the job may exist.
    Answered<std::uint32_t> submit(const Credentials& who, const Submission& submission);

    Answered<Job> job(const Credentials& who, std::uint32_t id);

    // All that `who` may see.
    Answered<std::vector<Job>> jobs(const Credentials& who);

    // By id. A job that the site does not know (any more) is left out.
    Answered<std::vector<JobState>> states(const Credentials& who, std::vector<std::uint32_t> ids);

    Answered<std::vector<Node>> nodes(const Credentials& who);

    // Ends the job, or sends its batch script `signal` ("USR1") where one is named; up to v0.0.39 also all
    // that it has started. A job that has ended already counts as done. v0.0.40 and v0.0.41 of 24.05 and
    // later count everything as done: look at the job.
    Answered<void> cancel(const Credentials& who, std::uint32_t id, const std::string& signal = {});

  private:
    struct Call;
    template <class T, class Read>
    Answered<T> ask(const Credentials& who, const Call& call, Read read);
    Answered<net::Answer> send(const Credentials& who, const Call& call, const std::string& url);
    Answered<void> accepts(const Credentials& who);
    std::string url(const std::string& path) const;
    Answered<std::vector<JobState>> states_one_by_one(const Credentials& who,
                                                      const std::vector<std::uint32_t>& ids);

    Endpoint endpoint_;
    net::Connection connection_;
    std::optional<Version> version_;
    bool has_states_ = false;
    struct Served {
        Credentials who;
        std::chrono::steady_clock::time_point at{};
    };
    Served served_;  // whom slurmctld has answered last, if it has not refused anything since
};

}  // namespace weir::rest
