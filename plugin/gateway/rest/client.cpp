// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/rest/client.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "plugin/gateway/rest/messages.h"
#include "plugin/gateway/rest/token.h"

namespace weir::rest {
namespace {

constexpr net::Bounds kSmall{std::chrono::seconds(10), std::size_t{16} << 20};
constexpr net::Bounds kLong{std::chrono::seconds(60), std::size_t{256} << 20};
constexpr const char* kPing = "ping";
constexpr std::chrono::seconds kLately{3};
constexpr std::size_t kIdsAtOnce = 200;  // some 4 kB of address

// What a token may meet on its way to this host's own slurmrestd.
constexpr std::array kLoopbacks{"http://127.0.0.1", "http://localhost", "http://[::1]"};

bool secret_enough(const std::string& url) {
    if (url.starts_with("https://")) return true;
    return std::ranges::any_of(kLoopbacks, [&](const std::string& host) {
        return url.starts_with(host) &&
               (url.size() == host.size() || url[host.size()] == ':' || url[host.size()] == '/');
    });
}

// A server may echo what it was sent.
std::string without(const std::string& secret, std::string text) {
    if (secret.empty()) return text;
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
        text.replace(at, secret.size(), "...");
    return text;
}

// The query that names jobs: of lists with commas every release makes an error.
std::string ids_query(const std::uint32_t* begin, const std::uint32_t* end) {
    std::string text;
    for (; begin != end; ++begin) text += (text.empty() ? "?job_id=" : "&job_id=") + std::to_string(*begin);
    return text;
}

// v0.0.40 and later would send it to the steps alone; those before, which have no flags, send it to all.
std::string signal_query(Version version, const std::string& signal) {
    constexpr Version kFirstOfFlags{40};
    return "?signal=" + net::encoded(signal) + (version < kFirstOfFlags ? "" : "&flags=BATCH_JOB");
}

bool has_expired(const std::string& token) {
    const auto until = good_until(token);
    return until && *until <= std::chrono::system_clock::now();
}

}  // namespace

// A request, save for what the version decides. `path` is what follows it.
struct Client::Call {
    std::string method;
    std::string path;
    net::Bounds bounds = kSmall;
    std::function<std::string(Version)> body;
};

Client::Client(Endpoint endpoint) : endpoint_(std::move(endpoint)) {
    while (endpoint_.url.ends_with('/')) endpoint_.url.pop_back();
}

std::string Client::url(const std::string& path) const {
    return endpoint_.url + "/slurm/" + version_.value_or(kNewest).text() + "/" + path;
}

Answered<net::Answer> Client::send(const Credentials& who, const Call& call, const std::string& url) {
    if (!secret_enough(url))
        return failed(Trouble::kUnreachable, url + ": would send the token in clear; https is needed");
    net::Request request{call.method, url, {}, {}, endpoint_.ca_file, call.bounds};
    request.headers = {"X-SLURM-USER-NAME: " + who.user, "X-SLURM-USER-TOKEN: " + who.token,
                       "Accept: application/json"};
    if (call.body) {
        request.headers.emplace_back("Content-Type: application/json");
        request.body = call.body(version_.value_or(kNewest));
    }
    auto answer = connection_.ask(request);
    if (answer) return std::move(*answer);
    return failed(answer.error().code == net::kNotSent ? Trouble::kUnreachable : Trouble::kUnsure,
                  without(who.token, call.method + " " + answer.error().message));
}

template <class T, class Read>
Answered<T> Client::ask(const Credentials& who, const Call& call, Read read) {
    // A site that was upgraded answers 404 to the version that it spoke before; nothing has happened then.
    for (bool again = false;; again = true) {
        const bool fresh = again || !version_;
        if (fresh)
            if (const auto found = discover(who); !found) return tl::make_unexpected(found.error());
        const std::string address = url(call.path);
        const auto answer = send(who, call, address);
        if (!answer) return tl::make_unexpected(answer.error());
        Answered<T> value = read(*answer);
        if (value && call.path != kPing) served_ = {who, std::chrono::steady_clock::now()};
        if (value) return value;
        served_ = {};
        if (!fresh && answer->status == 404 && value.error().trouble == Trouble::kRefused) continue;
        // Up to 23.11 a site does not say so.
        if (call.method == "GET" && value.error().trouble == Trouble::kUnsure && has_expired(who.token)) {
            value.error().trouble = Trouble::kUnauthorized;
            value.error().message = "the token of " + who.user + " has expired; " + value.error().message;
        }
        value.error().message = without(who.token, call.method + " " + address.substr(0, address.find('?')) +
                                                       ": " + value.error().message);
        return value;
    }
}

Answered<Version> Client::discover(const Credentials& who) {
    const std::string address = endpoint_.url + "/openapi.json";
    const Call call{"GET", {}, kLong, nullptr};
    const auto answer = send(who, call, address);
    if (!answer) return tl::make_unexpected(answer.error());
    const auto chosen = versions_offered(answer->status, answer->body).and_then(choose);
    if (!chosen)
        return failed(chosen.error().trouble,
                      without(who.token, "GET " + address + ": " + chosen.error().message),
                      chosen.error().slurm_errno);
    version_ = chosen->version;
    has_states_ = chosen->states;
    return chosen->version;
}

Answered<Pinged> Client::ping(const Credentials& who) {
    return ask<Pinged>(who, {"GET", kPing, kSmall, nullptr}, [](const net::Answer& answer) {
        return read_ping(answer.status, answer.body).map([&](Ping ping) {
            return Pinged{std::move(ping), answer.round_trip};
        });
    });
}

Answered<void> Client::accepts(const Credentials& who) {
    // Of a crowd each need not ask.
    if (served_.who == who && std::chrono::steady_clock::now() - served_.at < kLately) return {};
    const auto found = ping(who);
    if (found && found->ping.controller_answers) return {};
    if (has_expired(who.token))
        return failed(Trouble::kUnauthorized, endpoint_.url + ": the token of " + who.user + " has expired");
    // A ping does not always tell a token that is not accepted from a controller that does not answer.
    const auto known = job(who, 1);
    if (!known && known.error().trouble == Trouble::kUnauthorized) return tl::make_unexpected(known.error());
    Failure failure{Trouble::kUnreachable,
                    endpoint_.url + ": slurmctld does not answer slurmrestd, or not for " + who.user, 0,
                    true};
    if (!found) {
        failure = found.error();
        failure.perhaps_token = failure.trouble == Trouble::kUnsure || failure.trouble == Trouble::kGarbage;
    }
    // Whatever it is, it says nothing of the submission, which was not sent.
    if (failure.trouble != Trouble::kUnauthorized) failure.trouble = Trouble::kUnreachable;
    return tl::make_unexpected(std::move(failure));
}

Answered<std::uint32_t> Client::submit(const Credentials& who, const Submission& submission) {
    if (auto ready = accepts(who); !ready) return tl::make_unexpected(std::move(ready.error()));
    const auto body = [&](Version version) { return submit_body(version, submission); };
    return ask<std::uint32_t>(who, {"POST", "job/submit", kSmall, body}, [](const net::Answer& answer) {
        return read_submitted(answer.status, answer.body);
    });
}

Answered<Job> Client::job(const Credentials& who, std::uint32_t id) {
    auto found = ask<Job>(who, {"GET", "job/" + std::to_string(id), kSmall, nullptr},
                          [id](const net::Answer& answer) -> Answered<Job> {
                              auto job = read_job(answer.status, answer.body);
                              if (!job || job->id == id) return job;
                              return failed(Trouble::kGarbage, "tells of job " + std::to_string(job->id));
                          });
    if (found || version_ != kOldest || found.error().trouble != Trouble::kUnsure) return found;
    // v0.0.36 calls a job unknown whatever went wrong.
    auto all = jobs(who);
    if (!all) return tl::make_unexpected(std::move(all.error()));
    const auto one = std::ranges::find(*all, id, &Job::id);
    if (one != all->end()) return std::move(*one);
    return failed(Trouble::kNotFound, endpoint_.url + ": lists no job " + std::to_string(id));
}

Answered<std::vector<Job>> Client::jobs(const Credentials& who) {
    return ask<std::vector<Job>>(who, {"GET", "jobs", kLong, nullptr}, [](const net::Answer& answer) {
        return read_jobs(answer.status, answer.body);
    });
}

Answered<std::vector<JobState>> Client::states_one_by_one(const Credentials& who,
                                                          const std::vector<std::uint32_t>& ids) {
    std::vector<JobState> states;
    states.reserve(ids.size());
    for (const std::uint32_t id : ids) {
        const auto one = job(who, id);
        if (one)
            states.push_back({one->id, one->state});
        else if (one.error().trouble != Trouble::kNotFound)
            return tl::make_unexpected(one.error());
    }
    return states;
}

Answered<std::vector<JobState>> Client::states(const Credentials& who, std::vector<std::uint32_t> ids) {
    std::ranges::sort(ids);
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    if (!version_)
        if (const auto found = discover(who); !found) return tl::make_unexpected(found.error());
    if (!has_states_) return states_one_by_one(who, ids);
    std::vector<JobState> states;
    states.reserve(ids.size());
    for (std::size_t at = 0; at < ids.size(); at += kIdsAtOnce) {
        const auto count = std::min(kIdsAtOnce, ids.size() - at);
        const std::string some = ids_query(ids.data() + at, ids.data() + at + count);
        const auto part = ask<std::vector<JobState>>(
            who, {"GET", "jobs/state" + some, kSmall, nullptr},
            [](const net::Answer& answer) { return read_states(answer.status, answer.body); });
        if (!part) return tl::make_unexpected(part.error());
        std::ranges::copy_if(*part, std::back_inserter(states), [&](const JobState& state) {
            return std::ranges::binary_search(ids, state.id);
        });
    }
    std::ranges::sort(states, {}, &JobState::id);
    return states;
}

Answered<std::vector<Node>> Client::nodes(const Credentials& who) {
    return ask<std::vector<Node>>(who, {"GET", "nodes", kLong, nullptr}, [](const net::Answer& answer) {
        return read_nodes(answer.status, answer.body);
    });
}

Answered<void> Client::cancel(const Credentials& who, std::uint32_t id, const std::string& signal) {
    if (!signal.empty() && !version_)
        if (const auto found = discover(who); !found) return tl::make_unexpected(found.error());
    const std::string query = signal.empty() ? "" : signal_query(*version_, signal);
    return ask<void>(who, {"DELETE", "job/" + std::to_string(id) + query, kSmall, nullptr},
                     [](const net::Answer& answer) { return read_cancelled(answer.status, answer.body); });
}

}  // namespace weir::rest
