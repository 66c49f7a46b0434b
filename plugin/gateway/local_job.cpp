// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/local_job.h"

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <sstream>

#include "plugin/slurm/handles.h"
#include "plugin/slurm/query.h"
#include "plugin/slurm/session.h"

namespace weir::gateway {
namespace {

constexpr std::uint64_t kPerCpu = MEM_PER_CPU;

std::string text(const char* value) {
    return value != nullptr ? value : "";
}

int known(std::uint32_t value) {
    return value == NO_VAL || value == INFINITE ? 0 : static_cast<int>(value);
}
int known16(std::uint16_t value) {
    return value == NO_VAL16 || value == INFINITE16 ? 0 : value;
}

const char* word_for(std::uint32_t state) {
    switch (state & JOB_STATE_BASE) {
    case JOB_PENDING:
        return "pending";
    case JOB_RUNNING:
        return "running";
    case JOB_SUSPENDED:
        return "suspended";
    case JOB_COMPLETE:
        return "completed";
    case JOB_CANCELLED:
        return "cancelled";
    case JOB_TIMEOUT:
        return "out of time";
    case JOB_NODE_FAIL:
        return "ended by a failure of its node";
    case JOB_PREEMPTED:
        return "preempted";
    default:
        return "failed";
    }
}

LocalState state_of(const slurm_job_info_t& job) {
    const auto base = job.job_state & JOB_STATE_BASE;
    const bool completing = (job.job_state & JOB_COMPLETING) != 0;
    if (base == JOB_PENDING) return completing ? LocalState::kRequeueing : LocalState::kPending;
    if (base == JOB_RUNNING) return completing ? LocalState::kEnding : LocalState::kRunning;
    if (base == JOB_SUSPENDED) return LocalState::kSuspended;
    return completing ? LocalState::kEnding : LocalState::kEnded;
}

void read_size(const slurm_job_info_t& job, LocalJob& into) {
    into.node_count = known(job.num_nodes);
    into.tasks = known(job.num_tasks);
    into.tasks_per_node = known16(job.ntasks_per_node);
    into.cpus = known(job.num_cpus);
    into.cpus_per_task = std::max(1, known16(job.cpus_per_task));
    if (job.pn_min_memory != NO_VAL64) {
        const auto amount = static_cast<std::int64_t>(job.pn_min_memory & ~kPerCpu);
        ((job.pn_min_memory & kPerCpu) != 0 ? into.memory_per_cpu : into.memory_per_node) = amount;
    }
    for (std::uint32_t i = 0; i < job.gres_detail_cnt && job.gres_detail_str != nullptr; ++i) {
        int count = 0;
        if (read_gpus(text(job.gres_detail_str[i]), into.gpu_type, count)) into.gpus.push_back(count);
    }
}

LocalJob read(const slurm_job_info_t& job) {
    LocalJob result;
    result.id = job.job_id;
    result.state = state_of(job);
    result.state_text = word_for(job.job_state);
    result.label = std::to_string(job.job_id);
    if (job.array_job_id != 0 && job.array_task_id != NO_VAL) {
        result.array_job = job.array_job_id;
        result.array_task = job.array_task_id;
        result.label = std::to_string(job.array_job_id) + "_" + std::to_string(job.array_task_id);
    }
    result.name = text(job.name);
    result.uid = job.user_id;
    result.account = text(job.account);
    result.admin_comment = text(job.admin_comment);
    result.restarts = job.restart_cnt;
    result.submitted = Time(Duration(job.submit_time));
    result.eligible = Time(Duration(job.eligible_time));
    if (job.start_time != 0) result.started = Time(Duration(job.start_time));
    if (known(job.time_limit) != 0) result.time_limit = std::chrono::minutes(job.time_limit);
    for (std::istringstream names(text(job.partition)); !names.eof();)
        std::getline(names, result.partitions.emplace_back(), ',');
    result.nodes = slurm::expand_hosts(text(job.nodes));
    result.batch_host = text(job.batch_host);
    result.batch = job.batch_flag != 0;
    result.requeueable = job.requeue != 0;
    result.heterogeneous = job.het_job_id != 0;
    result.exclusive = job.shared == JOB_SHARED_NONE;
    result.container = text(job.container);
    read_size(job, result);
    return result;
}

}  // namespace

bool read_gpus(std::string_view detail, std::string& type, int& count) {
    bool found = false;
    count = 0;
    while (!detail.empty()) {
        // Entries are parted by commas, which also stand within "(IDX:0,2)".
        std::size_t cut = 0;
        for (int depth = 0; cut < detail.size() && (depth > 0 || detail[cut] != ','); ++cut)
            depth += detail[cut] == '(' ? 1 : detail[cut] == ')' ? -1 : 0;
        std::string_view entry = detail.substr(0, cut);
        detail.remove_prefix(std::min(cut + 1, detail.size()));
        entry = entry.substr(0, entry.find('('));
        if (!entry.starts_with("gpu:")) continue;
        entry.remove_prefix(4);
        const auto colon = entry.rfind(':');
        const std::string_view number = colon == std::string_view::npos ? entry : entry.substr(colon + 1);
        int value = 0;
        const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), value);
        if (error != std::errc{} || stop != number.data() + number.size() || value <= 0) continue;
        if (colon != std::string_view::npos) type = entry.substr(0, colon);
        count += value;
        found = true;
    }
    return found;
}

Result<LocalJob> look_up(std::uint32_t id) {
    job_info_msg_t* raw = nullptr;
    constexpr std::uint16_t kFlags = SHOW_ALL | SHOW_DETAIL;
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
    slurm_step_id_t wanted = SLURM_STEP_ID_INITIALIZER;
    wanted.job_id = id;
    const int status = slurm_load_job(&raw, wanted, kFlags);
#else
    const int status = slurm_load_job(&raw, id, kFlags);
#endif
    if (status != SLURM_SUCCESS) {
        if (errno == ESLURM_INVALID_JOB_ID) return LocalJob{};
        return failure("asking slurmctld for job " + std::to_string(id) + ": " + slurm::last_error(), errno);
    }
    const slurm::JobsMessage jobs(raw);
    for (std::uint32_t i = 0; i < jobs->record_count; ++i)
        if (jobs->job_array[i].job_id == id) return read(jobs->job_array[i]);
    return LocalJob{};
}

}  // namespace weir::gateway
