// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/slurm/command.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include "plugin/slurm/handles.h"
#include "plugin/slurm/session.h"

namespace weir::slurm {
namespace {

constexpr std::uint64_t kFlags = RESERVE_FLAG_IGN_JOBS | RESERVE_FLAG_NO_HOLD_JOBS;
// The longest that Slurm gives a reservation, one year in seconds; each write begins it anew.
constexpr time_t kWithoutEnd = 365L * 24 * 3600;

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) {
        if (!text.empty()) text += ',';
        text += name;
    }
    return text;
}

char* or_null(std::string& text) {
    return text.empty() ? nullptr : text.data();
}

Result<void> outcome(int status, const std::string& what) {
    if (status == SLURM_SUCCESS) return {};
    return failure(what + ": " + last_error(), errno);
}

// A call by job name answers for each task of an array; the first refusal tells.
Result<void> array_outcome(int status, const ArrayResponse& response, const std::string& what) {
    if (status != SLURM_SUCCESS) return outcome(status, what);
    for (std::uint32_t i = 0; response && i < response->job_array_count; ++i) {
        if (response->error_code[i] != SLURM_SUCCESS)
            return failure(what + ": " + slurm_strerror(static_cast<int>(response->error_code[i])),
                           static_cast<int>(response->error_code[i]));
    }
    return {};
}

}  // namespace

Result<void> create_reservation(const std::string& name, const std::vector<std::string>& nodes,
                                const Access& access) {
    std::string reservation = name;
    std::string node_list = joined(nodes);
    std::string users = joined(access.users);
    std::string accounts = joined(access.accounts);
    std::string groups = joined(access.groups);
    // Slurm wants somebody named. "All but nobody" says everybody; where every user needs an association, the
    // user nobody has none and Slurm refuses that, but every account stands below root.
    const bool everybody = users.empty() && accounts.empty() && groups.empty();
    if (everybody) users = "-nobody";

    resv_desc_msg_t request;
    slurm_init_resv_desc_msg(&request);
    request.name = reservation.data();
    request.node_list = node_list.data();
    request.users = or_null(users);
    request.accounts = or_null(accounts);
    request.groups = or_null(groups);
    request.start_time = std::time(nullptr);
    request.end_time = request.start_time + kWithoutEnd;
    request.flags = kFlags;
    char* created = slurm_create_reservation(&request);
    if (created == nullptr && everybody && errno == ESLURM_INVALID_ACCOUNT) {
        accounts = "root";
        request.users = nullptr;
        request.accounts = accounts.data();
        created = slurm_create_reservation(&request);
    }
    if (created == nullptr)
        return failure("creating reservation " + name + " on " + node_list + ": " + last_error(), errno);
    std::free(created);
    return {};
}

Result<void> set_reservation_nodes(const std::string& name, const std::vector<std::string>& nodes) {
    std::string reservation = name;
    std::string node_list = joined(nodes);
    resv_desc_msg_t request;
    slurm_init_resv_desc_msg(&request);
    request.name = reservation.data();
    request.node_list = node_list.data();
    request.end_time = std::time(nullptr) + kWithoutEnd;
    request.flags = kFlags;
    return outcome(slurm_update_reservation(&request),
                   "setting the nodes of reservation " + name + " to " + node_list);
}

Result<void> hold_nodes(const std::string& name, const std::vector<std::string>& nodes,
                        const std::string& user, std::chrono::seconds expires) {
    std::string reservation = name;
    std::string node_list = joined(nodes);
    std::string users = user;
    resv_desc_msg_t request;
    slurm_init_resv_desc_msg(&request);
    request.name = reservation.data();
    request.node_list = node_list.data();
    request.users = users.data();
    request.start_time = std::time(nullptr);
    request.end_time = request.start_time + kWithoutEnd;
    request.flags = kFlags | RESERVE_FLAG_PURGE_COMP;
    request.purge_comp_time = static_cast<std::uint32_t>(expires.count());
    if (char* created = slurm_create_reservation(&request)) {
        std::free(created);
        return {};
    }
    if (errno != ESLURM_RESERVATION_NAME_DUP)
        return failure("holding " + node_list + " as reservation " + name + ": " + last_error(), errno);
    request.start_time = static_cast<time_t>(NO_VAL);
    return outcome(slurm_update_reservation(&request), "holding " + node_list + " as reservation " + name);
}

Result<void> delete_reservation(const std::string& name) {
    std::string reservation = name;
    reservation_name_msg_t request{reservation.data()};
    const int status = slurm_delete_reservation(&request);
    if (status != SLURM_SUCCESS && errno == ESLURM_RESERVATION_INVALID) return {};
    return outcome(status, "deleting reservation " + name);
}

Result<void> update_job(const std::string& job, const JobChange& change) {
    std::string id = job;
    std::string reservation = change.reservation.value_or("");
    std::string admin_comment = change.admin_comment.value_or("");
    std::string partitions = joined(change.partitions);
    job_desc_msg_t request;
    slurm_init_job_desc_msg(&request);
    request.job_id_str = id.data();
    if (change.reservation) request.reservation = reservation.data();
    if (change.admin_comment) request.admin_comment = admin_comment.data();
    if (!partitions.empty()) request.partition = partitions.data();
    if (change.time_limit) request.time_limit = static_cast<std::uint32_t>(change.time_limit->count());
    if (change.start_now) request.begin_time = std::time(nullptr);
    if (change.start_soon) request.begin_time = std::time(nullptr) + 2;
    if (change.start_after) request.begin_time = std::time(nullptr) + change.start_after->count();
    job_array_resp_msg_t* raw = nullptr;
    const int status = slurm_update_job2(&request, &raw);
    return array_outcome(status, ArrayResponse(raw), "updating job " + job);
}

bool refused(const Error& error) {
    constexpr int kFirstOfSlurmctld = ESLURM_INVALID_PARTITION_NAME;
    return error.code >= kFirstOfSlurmctld;
}

Result<void> signal_job(const std::string& job, int signal, bool batch_only) {
    return outcome(slurm_kill_job2(job.c_str(), static_cast<std::uint16_t>(signal),
                                   batch_only ? KILL_JOB_BATCH : std::uint16_t{0}, nullptr),
                   "signalling job " + job);
}

Result<void> write_to_user(std::uint32_t job_id, const std::string& message) {
    std::string text = message;
    return outcome(slurm_notify_job(job_id, text.data()),
                   "writing to the user of job " + std::to_string(job_id));
}

Result<void> requeue_job(const std::string& job, bool held) {
    std::string id = job;
    job_array_resp_msg_t* raw = nullptr;
    const int status = slurm_requeue2(id.data(), held ? JOB_REQUEUE_HOLD : 0, &raw);
    return array_outcome(status, ArrayResponse(raw), "requeueing job " + job);
}

Result<void> resume_job(const std::string& job) {
    std::string id = job;
    job_array_resp_msg_t* raw = nullptr;
    const int status = slurm_resume2(id.data(), &raw);
    return array_outcome(status, ArrayResponse(raw), "resuming job " + job);
}

Result<void> cancel_job(const std::string& job) {
    return outcome(slurm_kill_job2(job.c_str(), SIGKILL, 0, nullptr), "cancelling job " + job);
}

}  // namespace weir::slurm
