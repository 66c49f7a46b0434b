// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/controller/ledger_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace weir::controller {
namespace {

using json = nlohmann::ordered_json;
constexpr int kVersion = 1;

std::string system_error(const std::string& what, const std::filesystem::path& file) {
    return what + " " + file.string() + ": " + std::strerror(errno);
}

json optional_time(const std::optional<Time>& time) {
    return time ? json(time->time_since_epoch().count()) : json(nullptr);
}
Time time_of(const json& value) {
    return Time(Duration(value.get<std::int64_t>()));
}
std::optional<Time> optional_time_of(const json& object, const char* key) {
    if (!object.contains(key) || object[key].is_null()) return std::nullopt;
    return time_of(object[key]);
}
json optional_job(const std::optional<JobId>& job) {
    return job ? json(job->value) : json(nullptr);
}
std::optional<JobId> optional_job_of(const json& object, const char* key) {
    if (!object.contains(key) || object[key].is_null()) return std::nullopt;
    return JobId{object[key].get<std::uint32_t>()};
}

json vacating_to_json(const Vacating& vacating) {
    json notices = json::array();
    for (const Notice& notice : vacating.notices)
        notices.push_back({{"job", notice.job.value}, {"at", notice.at.time_since_epoch().count()}});
    return {{"since", vacating.since.time_since_epoch().count()},
            {"why", vacating.why},
            {"for_job", optional_job(vacating.for_job)},
            {"stops_jobs", vacating.stops_jobs},
            {"notices", notices}};
}

Vacating vacating_from_json(const json& object) {
    Vacating vacating;
    vacating.since = time_of(object.at("since"));
    vacating.why = object.at("why");
    vacating.for_job = optional_job_of(object, "for_job");
    vacating.stops_jobs = object.at("stops_jobs");
    for (const json& notice : object.at("notices"))
        vacating.notices.push_back({JobId{notice.at("job").get<std::uint32_t>()}, time_of(notice.at("at"))});
    return vacating;
}

json loan_to_json(const Loan& loan) {
    return {{"rule", loan.rule},
            {"node", loan.node},
            {"from", loan.from},
            {"since", loan.since.time_since_epoch().count()},
            {"why", loan.why},
            {"for_job", optional_job(loan.for_job)},
            {"confirmed", loan.confirmed},
            {"unused_since", optional_time(loan.unused_since)},
            {"vacating", loan.vacating ? vacating_to_json(*loan.vacating) : json(nullptr)}};
}

Loan loan_from_json(const json& object) {
    Loan loan;
    loan.rule = object.at("rule");
    loan.node = object.at("node");
    loan.from = object.at("from");
    loan.since = time_of(object.at("since"));
    loan.why = object.at("why");
    loan.for_job = optional_job_of(object, "for_job");
    loan.confirmed = object.at("confirmed");
    loan.unused_since = optional_time_of(object, "unused_since");
    if (object.contains("vacating") && !object["vacating"].is_null())
        loan.vacating = vacating_from_json(object["vacating"]);
    return loan;
}

json rule_to_json(const RuleState& state) {
    return {{"rule", state.rule},
            {"backoff_seconds", state.backoff.count()},
            {"last_flip", optional_time(state.last_flip)},
            {"lend_after", optional_time(state.lend_after)},
            {"last_write", optional_time(state.last_write)},
            {"held_home", state.held_home}};
}

RuleState rule_from_json(const json& object) {
    RuleState state;
    state.rule = object.at("rule");
    state.backoff = Duration(object.at("backoff_seconds").get<std::int64_t>());
    state.last_flip = optional_time_of(object, "last_flip");
    state.lend_after = optional_time_of(object, "lend_after");
    state.last_write = optional_time_of(object, "last_write");
    state.held_home = object.at("held_home");
    return state;
}

json idle_to_json(const IdleJob& idle) {
    json spells = json::array();
    for (const GpuVerdict& spell : idle.spells)
        spells.push_back({{"node", spell.node},
                          {"index", spell.index},
                          {"verdict", static_cast<int>(spell.verdict)},
                          {"since", spell.since.time_since_epoch().count()}});
    return {{"job", idle.job.value},
            {"started", idle.started.time_since_epoch().count()},
            {"spells", spells},
            {"before_gpu_seconds", idle.before.value},
            {"all_since", optional_time(idle.all_since)},
            {"notified", optional_time(idle.notified)},
            {"told", idle.told},
            {"told_at", optional_time(idle.told_at)}};
}

IdleJob idle_from_json(const json& object) {
    IdleJob idle;
    idle.job = JobId{object.at("job").get<std::uint32_t>()};
    idle.started = time_of(object.at("started"));
    for (const json& spell : object.at("spells")) {
        const int verdict = spell.at("verdict").get<int>();
        if (verdict < 0 || verdict > static_cast<int>(Verdict::kHung)) continue;
        idle.spells.push_back({spell.at("node"),
                               spell.at("index").get<int>(),
                               static_cast<Verdict>(verdict),
                               time_of(spell.at("since")),
                               {}});
    }
    idle.before = GpuSeconds{object.at("before_gpu_seconds").get<std::int64_t>()};
    idle.all_since = optional_time_of(object, "all_since");
    idle.notified = optional_time_of(object, "notified");
    idle.told = object.at("told");
    idle.told_at = optional_time_of(object, "told_at");
    return idle;
}

// A descriptor that closes itself.
class File {
  public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    ~File() {
        if (descriptor_ >= 0) close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int get() const { return descriptor_; }
    bool write_all(const std::string& content) const {
        std::size_t done = 0;
        while (done < content.size()) {
            const ssize_t written = write(descriptor_, content.data() + done, content.size() - done);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return false;
            done += static_cast<std::size_t>(written);
        }
        return true;
    }

  private:
    int descriptor_;
};

}  // namespace

std::string to_json(const Ledger& ledger) {
    json loans = json::array();
    for (const Loan& loan : ledger.loans) loans.push_back(loan_to_json(loan));
    json rules = json::array();
    for (const RuleState& state : ledger.rules) rules.push_back(rule_to_json(state));
    json idle = json::array();
    for (const IdleJob& job : ledger.idle) idle.push_back(idle_to_json(job));
    return json{{"version", kVersion}, {"loans", loans},          {"rules", rules},
                {"idle", idle},        {"paused", ledger.paused}, {"paused_by", ledger.paused_by}}
               .dump(1) +
           "\n";
}

Result<Ledger> ledger_from_json(const std::string& text) {
    try {
        const json object = json::parse(text);
        if (object.at("version").get<int>() > kVersion)
            return failure("written by a newer Weir (version " + object.at("version").dump() + ", known is " +
                           std::to_string(kVersion) + ")");
        Ledger ledger;
        for (const json& loan : object.at("loans")) ledger.loans.push_back(loan_from_json(loan));
        for (const json& rule : object.at("rules")) ledger.rules.push_back(rule_from_json(rule));
        if (object.contains("idle")) {  // not in those of before idle GPUs were watched
            for (const json& job : object["idle"]) ledger.idle.push_back(idle_from_json(job));
        }
        ledger.paused = object.at("paused");
        ledger.paused_by = object.at("paused_by");
        std::ranges::sort(ledger.loans, {}, [](const Loan& loan) { return std::tie(loan.rule, loan.node); });
        std::ranges::sort(ledger.rules, {}, &RuleState::rule);
        std::ranges::sort(ledger.idle, {}, &IdleJob::job);
        return ledger;
    } catch (const json::exception& error) {
        return failure(error.what());
    }
}

Result<Ledger> load_ledger(const std::filesystem::path& file) {
    std::ifstream stream(file);
    if (!stream) {
        if (errno == ENOENT) return Ledger{};
        return failure(system_error("reading", file));
    }
    std::ostringstream text;
    text << stream.rdbuf();
    auto ledger = ledger_from_json(text.str());
    if (!ledger) return in_context(file.string(), ledger.error());
    return ledger;
}

Result<void> replace_file(const std::filesystem::path& file, const std::string& content, bool durable) {
    const std::filesystem::path fresh = file.string() + ".new";
    {
        const File out(open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (out.get() < 0 || !out.write_all(content)) return failure(system_error("writing", fresh));
        if (durable && fsync(out.get()) != 0) return failure(system_error("writing", fresh));
    }
    if (rename(fresh.c_str(), file.c_str()) != 0) return failure(system_error("replacing", file));
    if (!durable) return {};
    const File folder(open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || fsync(folder.get()) != 0)
        return failure(system_error("syncing", file.parent_path()));
    return {};
}

Result<void> save_ledger(const std::filesystem::path& file, const Ledger& ledger) {
    return replace_file(file, to_json(ledger), true);
}

}  // namespace weir::controller
