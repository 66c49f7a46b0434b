// SPDX-License-Identifier: GPL-2.0-or-later
// What slurmctld loads as JobSubmitPlugins=weir. Runs under slurmctld's read locks: no RPC and no waiting.
// Whatever goes wrong in here, the job goes on as if Weir were not there; only options of Weir's that make no
// sense are refused.
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <slurm/spank.h>

#include <chrono>
#include <exception>

#include "plugin/job_submit/elsewhere.h"
#include "plugin/job_submit/heartbeat_file.h"
#include "plugin/job_submit/job_desc.h"
#include "plugin/job_submit/options.h"
#include "plugin/job_submit/token.h"
#include "plugin/job_submit/wake.h"
#include "plugin/spank/values.h"

#define WEIR_EXPORT __attribute__((visibility("default")))

// slurmctld's own, which no public header declares. The weak ones may be missing.
extern "C" {
extern slurm_conf_t slurm_conf;
extern char* default_part_name __attribute__((weak));
void* find_resv_name(char* name) __attribute__((weak));
char* slurm_xstrdup(const char* text);
void slurm_xfree(void** pointer);
}

namespace {

using namespace weir;
using namespace weir::job_submit;

// Stops exceptions at the border to Slurm.
template <class Body>
int guard(const char* entry, Body&& body) noexcept {
    try {
        return body();
    } catch (const std::exception& error) {
        slurm_error("job_submit/weir: %s: %s; the job is left alone", entry, error.what());
    } catch (...) {
        slurm_error("job_submit/weir: %s failed; the job is left alone", entry);
    }
    return SLURM_SUCCESS;
}

Existence reservation_exists(const std::string& name) {
    if (find_resv_name == nullptr) return Existence::kUnknown;
    std::string copy = name;
    return find_resv_name(copy.data()) != nullptr ? Existence::kYes : Existence::kNo;
}

void replace(char*& field, const std::string& text) {
    void* old = field;
    field = slurm_xstrdup(text.c_str());
    slurm_xfree(&old);
}

void note(job_desc_msg_t& job, std::string_view key, const std::string& value) {
    replace(job.admin_comment, token::set(job.admin_comment == nullptr ? "" : job.admin_comment, key, value));
}

void begin_later(job_desc_msg_t& job, Time begin, const std::string& state) {
    note(job, token::kBegin, std::to_string(begin.time_since_epoch().count()));
    job.begin_time = static_cast<time_t>(begin.time_since_epoch().count());
    wake(state);
}

std::string state_directory() {
    return slurm_conf.state_save_location == nullptr ? "" : slurm_conf.state_save_location;
}

HeartbeatFile::Seen look() {
    static HeartbeatFile file;
    return file.look(heartbeat_path(state_directory()));
}

// Names the reservation, or has the job begin later, where one of the rules that weirctld tells of is for it.
void name_reservation(job_desc_msg_t& job, const Submission& submission, bool says_notice,
                      const Knowledge& knowledge, Time now) {
    if (knowledge.heartbeat == nullptr) return;
    const Decision decision = decide(submission, knowledge, now, reservation_exists);
    if (std::holds_alternative<LeaveAlone>(decision)) return;
    // slurmctld tells nobody what --signal said, so it is noted where weirctld can read it.
    if (submission.signal && !says_notice) note(job, token::kNotice, spank::to_text(*submission.signal));
    if (const auto* name = std::get_if<NameReservation>(&decision)) {
        slurm_debug("job_submit/weir: job of uid %u goes to reservation %s", job.user_id,
                    name->reservation.c_str());
        replace(job.reservation, name->reservation);
    } else if (const auto* later = std::get_if<BeginLater>(&decision)) {
        slurm_debug("job_submit/weir: job of uid %u waits for weirctld to name its reservation", job.user_id);
        begin_later(job, later->begin, state_directory());
    }
}

// What only matters to a job that may come to run elsewhere.
void note_for_sites(job_desc_msg_t& job, const Submission& submission, const Noted& noted) {
    if (submission.signal) {
        NoticeSignal warning = *submission.signal;
        warning.within = submission.signal_ahead;
        note(job, token::kSignal, spank::to_text(warning));
    }
    if (submission.stays.empty() || noted.request.wish) return;
    OverflowRequest never;
    never.wish = OverflowWish::kNever;
    note(job, token::kOverflow, spank::overflow_text(never));
}

// Who may do what users may not: root, and SlurmUser, as whom weirctld nominates jobs.
bool is_super(std::uint32_t uid) {
    return uid == 0 || uid == slurm_conf.slurm_user_id;
}

int refuse(const std::string& why, int code, char** message) {
    if (message != nullptr) replace(*message, why);
    return code;
}

// Names of gateways do not expire; whether a job could ever leave is told by a weirctld that lives.
std::string refusal(const Submission& submission, const Noted& noted, const Knowledge& knowledge, bool super,
                    Time now) {
    if (!noted.refusal.empty() || knowledge.heartbeat == nullptr) return noted.refusal;
    if (!super)
        if (auto why = gateway_refusal(submission.partitions, *knowledge.heartbeat); !why.empty()) return why;
    if (!fresh(knowledge, now)) return {};
    return overflow_refusal(noted.request, submission, *knowledge.heartbeat);
}

int submit(job_desc_msg_t& job, std::uint32_t uid, char** message) {
    const char* default_partition = &default_part_name == nullptr ? nullptr : default_part_name;
    const Submission submission = read_submission(job, default_partition, slurm_conf.job_requeue != 0);
    const Options options = read_options(job);
    const Noted noted = note(options, submission);
    const auto seen = look();
    const Knowledge knowledge{seen.heartbeat.get(), seen.written};
    const Time now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    const std::string why = refusal(submission, noted, knowledge, is_super(uid), now);
    if (!why.empty()) return refuse(why, ESLURM_NOT_SUPPORTED, message);
    for (const auto& [key, value] : noted.entries) note(job, key, value);
    if (knowledge.heartbeat != nullptr && !knowledge.heartbeat->sites.empty() && submission.batch)
        note_for_sites(job, submission, noted);
    name_reservation(job, submission, options.notice.has_value(), knowledge, now);
    return SLURM_SUCCESS;
}

// Changes are the user's or the admin's word, and weirctld's own come this way, too; only the way to a
// gateway is weirctld's alone.
int modify(const job_desc_msg_t& change, std::uint32_t uid, char** message) {
    if (change.partition == nullptr || is_super(uid)) return SLURM_SUCCESS;
    const auto seen = look();
    if (!seen.heartbeat) return SLURM_SUCCESS;
    const std::string why = gateway_refusal(change.partition, *seen.heartbeat);
    if (why.empty()) return SLURM_SUCCESS;
    slurm_info("job_submit/weir: change by uid %u refused: %s", uid, why.c_str());
    return refuse(why, ESLURM_ACCESS_DENIED, message);
}

}  // namespace

extern "C" {

WEIR_EXPORT extern const char plugin_name[] = "Weir: names the borrower's reservation for its jobs";
WEIR_EXPORT extern const char plugin_type[] = "job_submit/weir";
WEIR_EXPORT extern const std::uint32_t plugin_version = SLURM_VERSION_NUMBER;

WEIR_EXPORT int job_submit(job_desc_msg_t* job, std::uint32_t uid, char** message) {
    return guard("job_submit", [=] { return submit(*job, uid, message); });
}

#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 2, 0)
WEIR_EXPORT int job_modify(job_desc_msg_t* job, void* /*job_record_t*/, std::uint32_t uid, char** message) {
    return guard("job_modify", [=] { return modify(*job, uid, message); });
}
#else
WEIR_EXPORT int job_modify(job_desc_msg_t* job, void* /*job_record_t*/, std::uint32_t uid) {
    return guard("job_modify", [=] { return modify(*job, uid, nullptr); });
}
#endif
}
