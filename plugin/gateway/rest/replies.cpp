// SPDX-License-Identifier: GPL-2.0-or-later
#include <limits>
#include <string_view>

#include "plugin/gateway/rest/errors.h"
#include "plugin/gateway/rest/messages.h"

namespace weir::rest {
namespace {

constexpr std::int64_t kMostJobId = std::numeric_limits<std::uint32_t>::max() - 2;

// Slurm's release, from the envelope that every answer has; empty where it has none.
std::string release(const Json& reply) {
    const auto meta = reply.find("meta");
    if (meta == reply.end() || !meta->is_object()) return {};
    for (const char* key : {"Slurm", "slurm"}) {
        const auto slurm = meta->find(key);
        if (slurm == meta->end() || !slurm->is_object()) continue;
        const auto text = slurm->find("release");
        if (text != slurm->end() && text->is_string()) return one_line(text->get<std::string>());
    }
    return {};
}

bool says(const Json& object, const char* key, std::string_view word) {
    const auto said = object.find(key);
    return said != object.end() && said->is_string() && said->get_ref<const std::string&>() == word;
}

// Whether one entry of a ping is of a controller that answers and knows the user.
bool answers(const Json& ping) {
    if (!ping.is_object()) return false;
    for (const char* key : {"pinged", "ping"})  // from v0.0.39 on; before
        if (ping.contains(key)) return says(ping, key, "UP");
    const auto responding = ping.find("responding");  // v0.0.45
    return responding != ping.end() && *responding == true && says(ping, "status", "No error");
}

Answered<void> read_done(int status, const std::string& body) {
    const auto reply = read_reply(status, body);
    if (!reply) return tl::make_unexpected(reply.error());
    // Every version's answer has the list of errors; what has none is not slurmrestd's.
    if (!reply->contains("errors")) return garbage("it has no list of errors");
    return {};
}

}  // namespace

Answered<std::uint32_t> read_submitted(int status, const std::string& body) {
    if (const auto document = parse(body);
        document && document->is_object() && document->contains("job_id")) {
        // With an id the job is there, whatever else is said: Slurm also warns through errors.
        Fields fields(*document, "it");
        const auto id = fields.number("job_id", 0, kMostJobId);
        if (!fields.good()) return garbage(fields.problem());
        if (id && *id > 0) return static_cast<std::uint32_t>(*id);
    }
    const auto reply = read_reply(status, body);
    if (!reply) return tl::make_unexpected(reply.error());
    return garbage("it has no job_id");
}

Answered<Ping> read_ping(int status, const std::string& body) {
    const auto reply = read_reply(status, body);
    if (!reply) return tl::make_unexpected(reply.error());
    const auto pings = reply->find("pings");
    if (pings == reply->end() || !pings->is_array()) return garbage("it has no list of pings");
    Ping ping{release(*reply), false};
    for (const Json& one : *pings) ping.controller_answers = ping.controller_answers || answers(one);
    return ping;
}

Answered<void> read_cancelled(int status, const std::string& body) {
    auto done = read_done(status, body);
    if (!done) return done;
    // From v0.0.42 on what failed is told for each job, beside a list of errors that is empty.
    const auto document = parse(body);
    const auto each = document->find("status");
    if (each == document->end() || !each->is_array()) return done;
    for (const Json& job : *each)
        if (auto error = told_of_job(job)) return tl::make_unexpected(std::move(*error));
    return done;
}

}  // namespace weir::rest
