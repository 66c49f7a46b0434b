// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <charconv>
#include <limits>
#include <string_view>

#include "plugin/gateway/rest/errors.h"
#include "plugin/gateway/rest/messages.h"

namespace weir::rest {
namespace {

constexpr std::int64_t kLatest = std::int64_t{1} << 36;  // year 4147
constexpr std::int64_t kMostId = std::numeric_limits<std::uint32_t>::max() - 2;

struct Word {
    std::string_view word;
    State state;
};

// Slurm's base states.
constexpr std::array kBases{
    Word{"PENDING", State::kPending},     Word{"RUNNING", State::kRunning},
    Word{"SUSPENDED", State::kSuspended}, Word{"COMPLETED", State::kCompleted},
    Word{"CANCELLED", State::kCancelled}, Word{"FAILED", State::kFailed},
    Word{"TIMEOUT", State::kTimeout},     Word{"NODE_FAIL", State::kNodeFail},
    Word{"PREEMPTED", State::kPreempted}, Word{"BOOT_FAIL", State::kBootFail},
    Word{"DEADLINE", State::kDeadline},   Word{"OUT_OF_MEMORY", State::kOutOfMemory},
};

// States that Slurm adds to a base state, or tells instead of it up to v0.0.39.
constexpr std::array kFlags{
    Word{"COMPLETING", State::kCompleting}, Word{"STAGE_OUT", State::kCompleting},
    Word{"STOPPED", State::kSuspended},     Word{"CONFIGURING", State::kRunning},
    Word{"POWER_UP_NODE", State::kRunning}, Word{"RESIZING", State::kRunning},
    Word{"SIGNALING", State::kRunning},     Word{"REQUEUED", State::kPending},
    Word{"REQUEUE_HOLD", State::kPending},  Word{"REQUEUE_FED", State::kPending},
    Word{"RESV_DEL_HOLD", State::kPending}, Word{"SPECIAL_EXIT", State::kPending},
    Word{"REVOKED", State::kCancelled},
};

template <std::size_t size>
std::optional<State> find(const std::array<Word, size>& words, std::string_view word) {
    for (const Word& known : words)
        if (known.word == word) return known.state;
    return std::nullopt;
}

// One state of all that a version tells. An ended job that is completing is not done yet, and one that is to
// be requeued has not ended at all.
State state_of(const std::vector<std::string>& words) {
    std::optional<State> base;
    std::optional<State> flag;
    for (const std::string& word : words) {
        if (const auto found = find(kBases, word); found && !base) base = found;
        if (const auto found = find(kFlags, word); found && flag != State::kPending) flag = found;
    }
    if (!base) return flag.value_or(State::kUnknown);
    const bool over = ended(*base);
    if (flag == State::kPending || (over && flag == State::kCompleting)) return *flag;
    if (base == State::kRunning && flag == State::kSuspended) return State::kSuspended;
    return *base;
}

std::optional<Time> time(Fields& fields, const char* key) {
    const auto seconds = fields.number(key, 0, kLatest);
    if (!seconds || *seconds == 0) return std::nullopt;
    return Time(Duration(*seconds));
}

// Exit code and signal: a wait status up to v0.0.39, both apart from v0.0.40 on.
void read_exit(Fields& fields, Job& job) {
    const Json& value = fields.member("exit_code");
    if (value.is_object() && value.contains("return_code")) {
        Fields apart(value, "its exit code");
        job.exit_code = static_cast<int>(apart.number("return_code", 0, 0xFFFF).value_or(0));
        if (const Json& signal = apart.member("signal"); signal.is_object()) {
            Fields which(signal, "its signal");
            const char* key = signal.contains("id") ? "id" : "signal_id";
            job.signal = static_cast<int>(which.number(key, 0, 0xFFFF).value_or(0));
            if (!which.good()) fields.problem("has a signal that cannot be read");
        }
        if (!apart.good()) fields.problem("has an exit code that cannot be read");
        return;
    }
    const std::int64_t status = fields.number("exit_code", 0, 0xFFFFFFFF).value_or(0);
    job.exit_code = static_cast<int>((status >> 8) & 0xFF);
    job.signal = static_cast<int>(status & 0x7F);
}

std::uint32_t read_id(Fields& fields) {
    const auto id = fields.number("job_id", 1, kMostId);
    if (!id) fields.problem("has no job_id");
    return static_cast<std::uint32_t>(id.value_or(0));
}

Answered<Job> one_job(const Json& object) {
    Fields fields(object, "a job");
    Job job;
    job.id = read_id(fields);
    fields.name("job " + std::to_string(job.id));
    job.name = fields.text("name");
    job.user = fields.text("user_name");
    job.comment = fields.text("comment");
    job.state = state_of(fields.words("job_state"));
    job.reason = fields.text("state_reason");
    if (job.reason == "None") job.reason.clear();
    job.nodes = fields.text("nodes");
    job.submitted = time(fields, "submit_time");
    const auto start = time(fields, "start_time");
    const auto end = time(fields, "end_time");
    if (job.state == State::kPending)
        job.expected_start = start;
    else if (!job.nodes.empty())
        job.started = start;  // else it was cancelled before
    if (ended(job.state)) {
        job.ended = end;
        read_exit(fields, job);
    }
    if (!fields.good()) return garbage(fields.problem());
    return job;
}

// Every element of the body's list `key`, or the first that cannot be read.
template <class T, class Read>
Answered<std::vector<T>> read_list(const Json& body, const char* key, Read read) {
    const auto list = body.find(key);
    if (list == body.end() || !list->is_array()) return garbage(std::string("it has no list of ") + key);
    std::vector<T> all;
    all.reserve(list->size());
    for (const Json& element : *list) {
        auto one = read(element);
        if (!one) return tl::make_unexpected(std::move(one.error()));
        all.push_back(std::move(*one));
    }
    return all;
}

Answered<JobState> one_state(const Json& object) {
    Fields fields(object, "a job");
    JobState state;
    const std::string id = fields.text("job_id");  // a string, since it may be of an array's task
    const auto read = std::from_chars(id.data(), id.data() + id.size(), state.id);
    if (read.ec != std::errc() || read.ptr != id.data() + id.size() || state.id == 0)
        fields.problem("has \"" + one_line(id) + "\" as its job_id");
    state.state = state_of(fields.words("state"));
    if (!fields.good()) return garbage(fields.problem());
    return state;
}

}  // namespace

Answered<std::vector<Job>> read_jobs(int status, const std::string& body) {
    return read_reply(status, body).and_then([](const Json& reply) {
        return read_list<Job>(reply, "jobs", one_job);
    });
}

Answered<std::vector<JobState>> read_states(int status, const std::string& body) {
    return read_reply(status, body).and_then([](const Json& reply) {
        return read_list<JobState>(reply, "jobs", one_state);
    });
}

Answered<Job> read_job(int status, const std::string& body) {
    auto jobs = read_jobs(status, body);
    if (!jobs) return tl::make_unexpected(std::move(jobs.error()));
    if (jobs->empty()) return failed(Trouble::kNotFound, "the site knows no such job");
    if (jobs->size() > 1)
        return garbage("it has " + std::to_string(jobs->size()) + " jobs where one was asked for");
    return std::move(jobs->front());
}

}  // namespace weir::rest
