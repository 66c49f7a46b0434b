// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/gateway/rest/model.h"

// What is sent to slurmrestd and what its answers say, in each version of its API: texts to values, without a
// network. A text that is cut, is no JSON or has values that cannot be is kGarbage, never an exception.
namespace weir::rest {

// What an option --signal says: "B:USR1@60".
struct Warning {
    bool batch = false;  // to the batch script, else to the steps
    std::string signal;
    Duration delay{60};  // before the time limit

    bool operator==(const Warning&) const = default;
};
Warning warning_of(const std::string& option);

// JSON for POST job/submit. Up to v0.0.38 slurmrestd refuses "B:" warnings: the body is then without.
std::string submit_body(Version version, const Submission& submission);

// `status` is that of HTTP. An answer with an error in it is a failure, whatever its status; a submission
// that was given an id is none. The values tell which version wrote them.
Answered<std::uint32_t> read_submitted(int status, const std::string& body);
Answered<Job> read_job(int status, const std::string& body);
Answered<std::vector<Job>> read_jobs(int status, const std::string& body);
Answered<std::vector<JobState>> read_states(int status, const std::string& body);
Answered<std::vector<Node>> read_nodes(int status, const std::string& body);
Answered<Ping> read_ping(int status, const std::string& body);
Answered<void> read_cancelled(int status, const std::string& body);

// A version that a site offers, and what not all releases have of it.
struct Offer {
    Version version;
    bool states = false;  // jobs/state

    bool operator==(const Offer&) const = default;
};

// What an OpenAPI document offers of slurmctld, ascending; unknown versions too.
Answered<std::vector<Offer>> versions_offered(int status, const std::string& openapi);

// The best of them that this program knows: the newest, save for v0.0.39.
Answered<Offer> choose(const std::vector<Offer>& offered);

}  // namespace weir::rest
