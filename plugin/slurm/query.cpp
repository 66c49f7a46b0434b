// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/slurm/query.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "plugin/slurm/session.h"

// Exported by every libslurm from 22.05 on, in no public header: the counterpart of slurm_get_statistics().
extern "C" void slurm_free_stats_response_msg(stats_info_response_msg_t* message);

namespace weir::slurm {
namespace {

// slurmctld does not count every change of a job's reason as a change of its jobs (select_nodes() and
// job_independent() of 22.05 set one without last_job_update), so an unchanged table is believed only for
// so long.
constexpr std::chrono::seconds kReasonsAge{5};

// Loads a table with `load(update_time, &raw)` unless it is unchanged.
template <class Message, class Load>
Result<void> refresh_table(Message& table, const char* what, Load load) {
    typename Message::pointer raw = nullptr;
    const time_t since = table ? table->last_update : 0;
    if (load(since, &raw) == SLURM_SUCCESS) {
        table.reset(raw);
        return {};
    }
    if (errno == SLURM_NO_CHANGE_IN_DATA && table) return {};
    return failure(std::string("asking slurmctld for its ") + what + ": " + last_error(), errno);
}

Result<std::chrono::microseconds> load_backfill_cycle() {
    stats_info_request_msg_t request{};
    request.command_id = STAT_COMMAND_GET;
    stats_info_response_msg_t* raw = nullptr;
    if (slurm_get_statistics(&raw, &request) != SLURM_SUCCESS)
        return failure("asking slurmctld for its statistics: " + last_error(), errno);
    const std::chrono::microseconds cycle(raw->bf_cycle_last);
    slurm_free_stats_response_msg(raw);
    return cycle;
}

// Empty where slurm.conf has no topology.
Result<std::vector<TopologyUnit>> load_topology(const std::string& plugin) {
    topo_info_response_msg_t* raw = nullptr;
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 5, 0)
    // topology.yaml may have several, whatever TopologyPlugin says: the cluster's default one is asked for.
    (void)plugin;
    const int status = slurm_load_topo(&raw, nullptr);
#else
    if (plugin != "topology/tree" && plugin != "topology/block") return {};
    const int status = slurm_load_topo(&raw);
#endif
    if (status != SLURM_SUCCESS) return failure("asking slurmctld for its topology: " + last_error(), errno);
    const TopologyMessage message(raw);
    if (!message) return {};
    char* text = nullptr;
    std::size_t size = 0;
    FILE* out = open_memstream(&text, &size);
    if (out == nullptr) return failure("reading Slurm's topology: out of memory", ENOMEM);
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 5, 0)
    slurm_print_topo_info_msg(out, message.get(), nullptr, nullptr, 1);
#elif SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(23, 11, 0)
    slurm_print_topo_info_msg(out, message.get(), nullptr, 1);
#else
    slurm_print_topo_info_msg(out, message.get(), 1);
#endif
    const bool whole = fclose(out) == 0;
    const std::unique_ptr<char, decltype(&std::free)> owned(text, &std::free);
    if (!whole) return failure("reading Slurm's topology: out of memory", ENOMEM);
    return parse_topology({text, size});
}

}  // namespace

Result<void> Tables::load_configuration() {
    slurm_conf_t* conf = nullptr;
    if (slurm_load_ctl_conf(0, &conf) != SLURM_SUCCESS)
        return failure("asking slurmctld for its configuration: " + last_error(), errno);
    private_data_ = conf->private_data;
    const std::string plugin = conf->topology_plugin != nullptr ? conf->topology_plugin : "";
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
    slurm_free_conf(conf);
#else
    slurm_free_ctl_conf(conf);
#endif
    auto topology = load_topology(plugin);
    if (!topology) return tl::make_unexpected(topology.error());
    topology_ = *std::move(topology);
    configuration_known_ = true;
    return {};
}

Result<void> Tables::refresh(bool job_details) {
    if (!configuration_known_) {
        if (auto loaded = load_configuration(); !loaded) return loaded;
    }
    auto loaded = refresh_table(partitions_, "partitions", [](time_t since, partition_info_msg_t** raw) {
        return slurm_load_partitions(since, raw, SHOW_ALL);
    });
    if (!loaded) return loaded;
    loaded = refresh_table(reservations_, "reservations", [](time_t since, reserve_info_msg_t** raw) {
        return slurm_load_reservations(since, raw);
    });
    if (!loaded) return loaded;
    loaded = refresh_table(nodes_, "nodes", [](time_t since, node_info_msg_t** raw) {
        return slurm_load_node(since, raw, SHOW_ALL | SHOW_DETAIL);
    });
    if (!loaded) return loaded;
    const auto at = std::chrono::steady_clock::now();
    const bool whole = at - jobs_loaded_whole_ >= kReasonsAge || job_details != jobs_in_detail_;
    if (whole) jobs_.reset();
    loaded = refresh_table(jobs_, "jobs", [&](time_t since, job_info_msg_t** raw) {
        return slurm_load_jobs(since, raw, job_details ? SHOW_ALL | SHOW_DETAIL : SHOW_ALL);
    });
    if (!loaded) return loaded;
    if (whole) jobs_loaded_whole_ = at;
    jobs_in_detail_ = job_details;
    const auto cycle = load_backfill_cycle();
    if (!cycle) return tl::make_unexpected(cycle.error());
    backfill_cycle_ = *cycle;
    return {};
}

namespace {

// All records that slurmctld has by that id: of an array one for each task that is split off, too. Empty:
// none.
Result<JobsMessage> load_records(std::uint32_t job_id) {
    job_info_msg_t* raw = nullptr;
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(26, 5, 0)
    slurm_step_id_t id = SLURM_STEP_ID_INITIALIZER;
    id.job_id = job_id;
    const int status = slurm_load_job(&raw, id, SHOW_ALL);
#else
    const int status = slurm_load_job(&raw, job_id, SHOW_ALL);
#endif
    if (status == SLURM_SUCCESS || errno == ESLURM_INVALID_JOB_ID)
        return JobsMessage(status == SLURM_SUCCESS ? raw : nullptr);
    return failure("asking slurmctld for job " + std::to_string(job_id) + ": " + last_error(), errno);
}

bool is_task(const slurm_job_info_t& job, const std::string& label) {
    return job.array_job_id != 0 && job.array_task_id != NO_VAL &&
           std::to_string(job.array_job_id) + "_" + std::to_string(job.array_task_id) == label;
}

JobWhereabouts whereabouts(const slurm_job_info_t& job) {
    const auto state = job.job_state & JOB_STATE_BASE;
    const bool completing = (job.job_state & JOB_COMPLETING) != 0;
    const auto text = [](const char* value) { return std::string(value != nullptr ? value : ""); };
    JobWhereabouts found;
    found.running = (state == JOB_RUNNING || state == JOB_SUSPENDED) && !completing;
    found.pending = state == JOB_PENDING && !completing;
    found.restarts = job.restart_cnt;
    found.partition = text(job.partition);
    found.reservation = text(job.resv_name);
    found.nodes = text(job.nodes);
    found.admin_comment = text(job.admin_comment);
    return found;
}

}  // namespace

Result<JobWhereabouts> find_job(std::uint32_t job_id) {
    return find_task(job_id, {});
}

Result<JobWhereabouts> find_task(std::uint32_t job_id, const std::string& label) {
    const auto jobs = load_records(job_id);
    if (!jobs) return tl::make_unexpected(jobs.error());
    const slurm_job_info_t* found = nullptr;
    for (std::uint32_t i = 0; *jobs && i < (*jobs)->record_count; ++i) {
        const slurm_job_info_t& job = (*jobs)->job_array[i];
        if (is_task(job, label)) return whereabouts(job);
        if (job.job_id == job_id) found = &job;
    }
    return found != nullptr ? whereabouts(*found) : JobWhereabouts{};
}

Result<std::string> node_address(const std::string& node) {
    std::string name = node;
    node_info_msg_t* raw = nullptr;
    if (slurm_load_node_single(&raw, name.data(), SHOW_ALL) != SLURM_SUCCESS)
        return failure("asking slurmctld for node " + node + ": " + last_error(), errno);
    const NodesMessage nodes(raw);
    for (std::uint32_t i = 0; i < nodes->record_count; ++i) {
        const node_info_t& info = nodes->node_array[i];
        if (info.name != nullptr && node == info.name)
            return std::string(info.node_addr != nullptr ? info.node_addr : info.name);
    }
    return failure("Slurm knows no node " + node);
}

std::vector<std::string> expand_hosts(const std::string& expression) {
    std::vector<std::string> names;
    hostlist_t list = slurm_hostlist_create(expression.c_str());
    if (list == nullptr) return names;
    while (char* name = slurm_hostlist_shift(list)) {
        names.emplace_back(name);
        std::free(name);
    }
    slurm_hostlist_destroy(list);
    return names;
}

}  // namespace weir::slurm
