// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <string_view>

#include "plugin/observe/observe.h"
#include "plugin/slurm/tres.h"

namespace weir::observe {
namespace {

constexpr std::int64_t kMostGpus = 1'000'000'000;  // users may ask for any number

bool given(std::uint32_t value) {
    return value != 0 && value != NO_VAL && value != INFINITE;
}
bool given(std::uint16_t value) {
    return value != 0 && value != NO_VAL16 && value != INFINITE16;
}
std::string_view view_of(const char* value) {
    return value != nullptr ? value : "";
}

// "a&b" or "a,b"; anything richer (alternatives, counts, groups) is beyond the model.
bool read_features(std::string_view expression, std::vector<std::string>& features) {
    if (expression.find_first_of("|[]()*!") != std::string_view::npos) return false;
    while (!expression.empty()) {
        const auto cut = std::min(expression.find_first_of("&,"), expression.size());
        if (cut > 0) features.emplace_back(expression.substr(0, cut));
        expression.remove_prefix(std::min(cut + 1, expression.size()));
    }
    std::ranges::sort(features);
    return true;
}

// Adds the GPUs of one of Slurm's request strings, `times` over, to `need`.
void add_gpus(std::string_view tres, int times, int& need, Request& request) {
    const slurm::GpuCounts counts = slurm::parse_gres(tres);
    if (counts.other_gres) request.beyond_model = "it asks for a GRES that is not a GPU";
    if (counts.pools.size() > 1) request.beyond_model = "it asks for several types of GPU";
    for (const GpuPool& pool : counts.pools) {
        if (!pool.type.empty() && !request.gpu_type.empty() && pool.type != request.gpu_type)
            request.beyond_model = "it asks for several types of GPU";
        if (!pool.type.empty()) request.gpu_type = pool.type;
        need = static_cast<int>(std::min<std::int64_t>(need + std::int64_t{pool.total} * times, kMostGpus));
    }
}

}  // namespace

// In a reservation of Weir's this means only that no suiting node is in it now.
bool given_up(const slurm_job_info_t& job) {
    return job.state_reason == FAIL_BAD_CONSTRAINTS && view_of(job.resv_name).starts_with("weir_");
}

WaitsFor to_waits_for(const slurm_job_info_t& job) {
    if (given_up(job)) return WaitsFor::kResources;
    if (job.priority == 0) return WaitsFor::kOther;  // held
    switch (job.state_reason) {
    case WAIT_NO_REASON:
    case WAIT_PRIORITY:
    case WAIT_RESOURCES:
    case WAIT_RESERVATION:
    case WAIT_NODE_NOT_AVAIL:
    case FAIL_DOWN_NODE:  // requeued after a node failure
        return WaitsFor::kResources;
    case WAIT_TIME:
        return WaitsFor::kBeginTime;
    default:
        return WaitsFor::kOther;
    }
}

Request to_request(const slurm_job_info_t& job) {
    Request request;
    const int tasks = given(job.num_tasks) ? static_cast<int>(job.num_tasks) : 1;
    request.tasks = tasks;
    request.nodes_min = given(job.num_nodes) ? static_cast<int>(job.num_nodes) : 1;
    request.nodes_max = given(job.max_nodes) ? static_cast<int>(job.max_nodes) : 0;
    request.cpus_total = given(job.num_cpus) ? static_cast<int>(job.num_cpus) : 1;
    const int cpus_per_task = given(job.cpus_per_task) ? job.cpus_per_task : 1;
    request.cpus_per_node = given(job.pn_min_cpus) ? job.pn_min_cpus : 1;
    if (given(job.ntasks_per_node))
        request.cpus_per_node = std::max(request.cpus_per_node, job.ntasks_per_node * cpus_per_task);
    if (job.pn_min_memory == NO_VAL64) {
        // none asked for
    } else if ((job.pn_min_memory & MEM_PER_CPU) != 0) {
        request.memory_per_cpu = static_cast<std::int64_t>(job.pn_min_memory & ~MEM_PER_CPU);
    } else {
        request.memory_per_node = static_cast<std::int64_t>(job.pn_min_memory);
    }
    add_gpus(view_of(job.tres_per_node), 1, request.gpus_per_node, request);
    add_gpus(view_of(job.tres_per_job), 1, request.gpus_total, request);
    add_gpus(view_of(job.tres_per_task), tasks, request.gpus_total, request);
    if (!view_of(job.tres_per_socket).empty()) request.beyond_model = "it asks for GPUs by socket";
    request.exclusive = job.shared == JOB_SHARED_NONE;
    if (!read_features(view_of(job.features), request.features))
        request.beyond_model = "its constraint offers alternatives";
    request.one_block = job.req_switch == 1;
    if (job.contiguous != 0) request.beyond_model = "it asks for contiguous nodes";
    if (!view_of(job.req_nodes).empty()) {
        request.nodes_required = slurm::expand_hosts(job.req_nodes);
        std::ranges::sort(request.nodes_required);
    }
    if (!view_of(job.exc_nodes).empty()) {
        request.nodes_excluded = slurm::expand_hosts(job.exc_nodes);
        std::ranges::sort(request.nodes_excluded);
    }
    return request;
}

}  // namespace weir::observe
