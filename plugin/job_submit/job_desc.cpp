// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/job_submit/job_desc.h"

#include <algorithm>
#include <concepts>
#include <limits>
#include <string_view>

#include "plugin/slurm/tres.h"
#include "plugin/spank/options.h"

namespace weir::job_submit {
namespace {

std::string_view text(const char* words) {
    return words == nullptr ? std::string_view() : words;
}

int narrow(std::int64_t number) {
    return static_cast<int>(std::clamp<std::int64_t>(number, 0, std::numeric_limits<int>::max()));
}

// Slurm says "not given" by NO_VAL of the field's width, some clients by 0, and INFINITE means as much here.
template <std::unsigned_integral Number>
bool given(Number number) {
    constexpr Number kMax = std::numeric_limits<Number>::max();
    return number != 0 && number != kMax && number != static_cast<Number>(kMax - 1);
}

// The number, or `otherwise` where none was given.
template <std::unsigned_integral Number>
int number_or(Number number, int otherwise) {
    return given(number) ? narrow(static_cast<std::int64_t>(number)) : otherwise;
}

// GPUs that one of the message's TRES strings asks for.
struct GpuWish {
    int count = 0;
    std::string type;
    bool clear = true;  // false: several types, or other GRES beside them
};

// CPUs, which 23.11 and later repeat here, are left to the fields that have always said them.
GpuWish gpu_wish(const char* words) {
    GpuWish wish;
    std::string_view rest = text(words);
    std::string gres;
    while (!rest.empty()) {
        const auto cut = std::min(rest.find_first_of(",;"), rest.size());
        const std::string_view entry = rest.substr(0, cut);
        rest.remove_prefix(std::min(cut + 1, rest.size()));
        if (entry.starts_with("cpu:") || entry.starts_with("cpu=")) continue;
        gres.append(entry).append(",");
    }
    const slurm::GpuCounts counts = slurm::parse_gres(gres);
    wish.clear = !counts.other_gres && counts.pools.size() <= 1;
    wish.count = slurm::total_gpus(counts.pools);
    if (wish.clear && !counts.pools.empty()) wish.type = counts.pools.front().type;
    return wish;
}

// How many tasks there are, as far as the message says.
int tasks_of(const job_desc_msg_t& job, int nodes_min) {
    if (given(job.num_tasks)) return narrow(job.num_tasks);
    return narrow(static_cast<std::int64_t>(nodes_min) * number_or(job.ntasks_per_node, 1));
}

void read_nodes(const job_desc_msg_t& job, Request& request) {
    request.nodes_min = number_or(job.min_nodes, 1);
    request.nodes_max = number_or(job.max_nodes, 0);
    // No more nodes than tasks.
    if (given(job.num_tasks)) {
        const int most = std::max(narrow(job.num_tasks), request.nodes_min);
        request.nodes_max = request.nodes_max > 0 ? std::min(request.nodes_max, most) : most;
    }
    if (request.nodes_max > 0) request.nodes_max = std::max(request.nodes_max, request.nodes_min);
}

void read_cpus(const job_desc_msg_t& job, int tasks, Request& request) {
    const std::int64_t each = number_or(job.cpus_per_task, 1);
    request.cpus_per_node = narrow(
        std::max<std::int64_t>(each * number_or(job.ntasks_per_node, 1), number_or(job.pn_min_cpus, 1)));
    request.cpus_total = narrow(std::max<std::int64_t>(each * tasks, number_or(job.min_cpus, 0)));
}

void read_memory(const job_desc_msg_t& job, Request& request) {
    if (!given(job.pn_min_memory)) return;
    const auto amount = static_cast<std::int64_t>(job.pn_min_memory & ~MEM_PER_CPU);
    ((job.pn_min_memory & MEM_PER_CPU) != 0 ? request.memory_per_cpu : request.memory_per_node) = amount;
}

void read_gpus(const job_desc_msg_t& job, int tasks, Request& request) {
    const GpuWish node = gpu_wish(job.tres_per_node);
    const GpuWish all = gpu_wish(job.tres_per_job);
    const GpuWish task = gpu_wish(job.tres_per_task);
    if (!node.clear || !all.clear || !task.clear)
        request.beyond_model = "asks for other GRES or several GPU types";
    for (const GpuWish* wish : {&node, &all, &task}) {
        if (wish->count == 0) continue;
        const bool first = request.gpus_per_node + request.gpus_total == 0;
        if (!first && wish->type != request.gpu_type) request.beyond_model = "asks for several GPU types";
        request.gpu_type = wish->type;
        request.gpus_total =
            std::max(request.gpus_total,
                     wish == &task ? narrow(static_cast<std::int64_t>(task.count) * tasks) : wish->count);
        if (wish != &all) request.gpus_per_node = std::max(request.gpus_per_node, wish->count);
    }
    if (task.count > 1 && tasks > 1) request.beyond_model = "asks for several GPUs for each of several tasks";
}

// What comes with every GPU: CPUs, memory.
void read_shares_of_gpus(const job_desc_msg_t& job, Request& request) {
    const std::int64_t on_node = std::max(request.gpus_per_node, 1);
    if (const int cpus = gpu_wish(job.cpus_per_tres).count; cpus > 0) {
        request.cpus_per_node = std::max(request.cpus_per_node, narrow(cpus * on_node));
        request.cpus_total = std::max(request.cpus_total, narrow(std::int64_t{cpus} * request.gpus_total));
    }
    if (const int memory = gpu_wish(job.mem_per_tres).count; memory > 0) {
        request.memory_per_node = std::max(request.memory_per_node, memory * on_node);
        // Where its GPUs may gather on a node is not said.
        if (request.gpus_total > request.gpus_per_node && request.gpus_total > request.nodes_min) {
            request.beyond_model = "asks for memory for each of its GPUs";
        }
    }
}

// The sentence for what the model has no word for; empty if there is nothing of the kind.
std::string_view beyond(const job_desc_msg_t& job) {
    if (!text(job.features).empty() || !text(job.prefer).empty() || !text(job.cluster_features).empty() ||
        !text(job.batch_features).empty()) {
        return "asks for features";
    }
    if (!text(job.req_nodes).empty() || !text(job.exc_nodes).empty()) return "names nodes";
    if (given(job.sockets_per_node) || given(job.cores_per_socket) || given(job.threads_per_core) ||
        given(job.sockets_per_board) || given(job.boards_per_node) || given(job.core_spec)) {
        return "asks for a make of node";
    }
    if (given(job.ntasks_per_socket) || given(job.ntasks_per_core) || given(job.ntasks_per_board) ||
        given(job.ntasks_per_tres) || given(job.plane_size) || job.overcommit == 1) {
        return "asks for a layout of its tasks";
    }
    if (given(job.contiguous) || given(job.req_switch)) return "asks for neighbouring nodes";
    if (!text(job.tres_per_socket).empty() || given(job.pn_min_tmp_disk))
        return "asks for GPUs a socket or local disk";
    if (job.min_nodes == 0) return "asks for no node";
    return {};
}

// A gateway's host must not run the user's login shell, as slurmd would.
std::string_view stays(const job_desc_msg_t& job) {
    if (!text(job.container).empty()) return "jobs in a container (--container) do not run elsewhere";
    for (std::uint32_t i = 0; job.environment != nullptr && i < job.env_size; ++i)
        if (text(job.environment[i]) == "SLURM_GET_USER_ENV=1")
            return "it does not go with --get-user-env, nor with an --export that does not begin with ALL: "
                   "the "
                   "login shell that they run is of this cluster";
    return {};
}

Submission::Requeue read_requeue(std::uint16_t asked, bool by_default) {
    if (asked == 0) return Submission::Requeue::kRefusedByUser;
    if (asked == NO_VAL16 && !by_default) return Submission::Requeue::kNotByDefault;
    return Submission::Requeue::kYes;
}

std::optional<std::string> value_of(const job_desc_msg_t& job, std::string_view variable) {
    for (std::uint32_t i = 0; job.spank_job_env != nullptr && i < job.spank_job_env_size; ++i) {
        const std::string_view entry = text(job.spank_job_env[i]);
        if (entry.starts_with(variable) && entry.substr(variable.size()).starts_with('='))
            return std::string(entry.substr(variable.size() + 1));
    }
    return std::nullopt;
}

}  // namespace

Options read_options(const job_desc_msg_t& job) {
    const auto value = [&](const spank::Option& option) { return value_of(job, option.variable); };
    return {value(spank::kCheckpoint), value(spank::kNotice),  value(spank::kOverflow),
            value(spank::kMaxCost),    value(spank::kLatency), value(spank::kStageIn),
            value(spank::kStageOut)};
}

Submission read_submission(const job_desc_msg_t& job, const char* default_partition, bool requeue) {
    Submission submission;
    submission.partitions = text(job.partition);
    if (submission.partitions.empty()) submission.partitions = text(default_partition);
    submission.reservation = text(job.reservation);
    if (job.begin_time > 0) submission.begin = Time(Duration(job.begin_time));
    submission.uid = job.user_id;
    submission.account = text(job.account);
    submission.cpus_per_task = number_or(job.cpus_per_task, 1);
    submission.immediate = job.immediate != 0;
    submission.has_script = job.script != nullptr || job.script_buf != nullptr;
    // A component's own message does not tell whether the first one has a script; where that matters, the
    // first one is refused.
    submission.batch = submission.has_script || (given(job.het_job_offset) && job.het_job_offset > 0);
    if (job.time_limit != NO_VAL && job.time_limit != INFINITE)
        submission.time_limit = std::chrono::minutes(job.time_limit);
    submission.requeueable = read_requeue(job.requeue, requeue);
    if (given(job.warn_signal))
        submission.signal = NoticeSignal{job.warn_signal, (job.warn_flags & KILL_JOB_BATCH) != 0, {}};
    submission.signal_ahead = Duration(number_or(job.warn_time, 60));
    submission.stays = stays(job);

    Request& request = submission.request;
    request.exclusive =
        job.shared == JOB_SHARED_NONE || job.shared == JOB_SHARED_USER || job.shared == JOB_SHARED_MCS;
    request.beyond_model = beyond(job);
    read_nodes(job, request);
    const int tasks = tasks_of(job, request.nodes_min);
    read_cpus(job, tasks, request);
    read_memory(job, request);
    read_gpus(job, tasks, request);
    read_shares_of_gpus(job, request);
    return submission;
}

}  // namespace weir::job_submit
