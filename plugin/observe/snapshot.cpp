// SPDX-License-Identifier: GPL-2.0-or-later
#include <pwd.h>

#include <algorithm>
#include <ctime>
#include <string_view>
#include <tuple>

#include "plugin/job_submit/token.h"
#include "plugin/observe/observe.h"
#include "plugin/slurm/tres.h"

// Exported by every libslurm from 22.05 on, in no public header.
extern "C" char* slurm_job_reason_string(enum job_state_reason reason);

namespace weir::observe {
namespace {

constexpr NodeIndex kNoNode = ~NodeIndex{0};
constexpr Duration kRenewBefore = std::chrono::days(180);

std::string text(const char* value) {
    return value != nullptr ? value : "";
}
Time to_time(time_t value) {
    return Time(Duration(value));
}

std::string upto_comma(std::string_view& list) {
    const auto cut = std::min(list.find(','), list.size());
    std::string word(list.substr(0, cut));
    list.remove_prefix(std::min(cut + 1, list.size()));
    return word;
}

std::vector<std::string> split(std::string_view list) {
    std::vector<std::string> words;
    while (!list.empty()) {
        if (auto word = upto_comma(list); !word.empty()) words.push_back(std::move(word));
    }
    return words;
}

// Builds one snapshot; the position of each of Slurm's nodes in the sorted list is worked out once.
class Conversion {
  public:
    Conversion(const slurm::Tables& tables, const std::vector<std::string>& own, Time at, Names& names,
               bool gpu_uses, const std::vector<ServiceJobs>& services, const Gateways& gateways)
        : tables_(tables),
          own_(own),
          names_(names),
          gpu_uses_(gpu_uses),
          services_(services),
          gateways_(gateways) {
        snapshot_.at = at;
        const std::time_t clock = at.time_since_epoch().count();
        std::tm local{};
        if (localtime_r(&clock, &local) != nullptr) snapshot_.utc_offset = Duration(local.tm_gmtoff);
    }

    Snapshot run() {
        convert_nodes();
        convert_partitions();
        convert_reservations();
        convert_jobs();
        snapshot_.backfill_cycle = std::chrono::ceil<Duration>(tables_.backfill_cycle());
        return std::move(snapshot_);
    }

  private:
    void convert_nodes();
    void convert_partitions();
    void mark_gateway(const partition_info_t& info, Partition& partition);
    void convert_reservations();
    void convert_jobs();
    void add_gpu_uses(const slurm_job_info_t& info, const Job& job);
    Node to_node(const node_info_t& info) const;
    Job to_job(const slurm_job_info_t& info);
    std::string host_of(const slurm_job_info_t& info) const;
    void read_begin(const slurm_job_info_t& info, Job& job) const;

    // Calls `visit` with the sorted position of each node in Slurm's list of index pairs, which ends with -1.
    template <class Visit>
    void for_each_node(const std::int32_t* pairs, Visit visit) const {
        if (pairs == nullptr) return;
        for (; *pairs >= 0; pairs += 2) {
            for (std::int32_t i = pairs[0]; i <= pairs[1]; ++i) {
                if (static_cast<std::size_t>(i) >= position_.size()) break;
                if (const NodeIndex index = position_[static_cast<std::size_t>(i)]; index != kNoNode)
                    visit(index);
            }
        }
    }

    std::vector<NodeIndex> node_list(const std::int32_t* pairs) const {
        std::vector<NodeIndex> list;
        for_each_node(pairs, [&](NodeIndex index) { list.push_back(index); });
        std::ranges::sort(list);
        return list;
    }

    const slurm::Tables& tables_;
    const std::vector<std::string>& own_;
    Names& names_;
    bool gpu_uses_;
    const std::vector<ServiceJobs>& services_;
    const Gateways& gateways_;
    Snapshot snapshot_;
    std::vector<NodeIndex> position_;  // by Slurm's node table
    std::unordered_map<std::string, PartitionIndex> partition_position_;
};

Node Conversion::to_node(const node_info_t& info) const {
    Node node;
    node.name = text(info.name);
    node.state = to_state(info.node_state);
    node.cpus = info.cpus_efctv != 0 && info.cpus_efctv != NO_VAL16 ? info.cpus_efctv : info.cpus;
    node.memory =
        static_cast<std::int64_t>(info.real_memory) - static_cast<std::int64_t>(info.mem_spec_limit);
#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(25, 5, 0)
    node.cpus_used = info.alloc_cpus;
    node.memory_used = static_cast<std::int64_t>(info.alloc_memory);
#else
    std::uint16_t cpus_used = 0;
    std::uint64_t memory_used = 0;
    slurm_get_select_nodeinfo(info.select_nodeinfo, SELECT_NODEDATA_SUBCNT, NODE_STATE_ALLOCATED, &cpus_used);
    slurm_get_select_nodeinfo(info.select_nodeinfo, SELECT_NODEDATA_MEM_ALLOC, NODE_STATE_ALLOCATED,
                              &memory_used);
    node.cpus_used = cpus_used;
    node.memory_used = static_cast<std::int64_t>(memory_used);
#endif
    if (info.gres != nullptr) node.gpus = slurm::parse_gres(info.gres).pools;
    if (info.gres_used != nullptr) {
        for (const GpuPool& used : slurm::parse_gres(info.gres_used).pools) {
            for (GpuPool& pool : node.gpus) {
                if (pool.type == used.type) pool.used = used.total;
            }
        }
    }
    const char* features = info.features_act != nullptr ? info.features_act : info.features;
    if (features != nullptr) node.features = split(features);
    std::ranges::sort(node.features);
    node.weight = info.weight;
    node.planned = (info.node_state & NODE_STATE_PLANNED) != 0;
    node.completing = (info.node_state & NODE_STATE_COMPLETING) != 0;
    return node;
}

void Conversion::convert_nodes() {
    const node_info_msg_t& message = tables_.nodes();
    std::vector<std::uint32_t> order;
    order.reserve(message.record_count);
    for (std::uint32_t i = 0; i < message.record_count; ++i) {
        // A node that this user may not see, or that does not exist yet, has no name.
        if (message.node_array[i].name != nullptr) order.push_back(i);
    }
    std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
        return std::string_view(message.node_array[a].name) < message.node_array[b].name;
    });
    position_.assign(message.record_count, kNoNode);
    snapshot_.nodes.reserve(order.size());
    for (const std::uint32_t i : order) {
        position_[i] = static_cast<NodeIndex>(snapshot_.nodes.size());
        snapshot_.nodes.push_back(to_node(message.node_array[i]));
    }
    for (const slurm::TopologyUnit& unit : tables_.topology()) {
        for (const std::string& name : slurm::expand_hosts(unit.nodes)) {
            if (const auto index = snapshot_.node(name)) snapshot_.nodes[*index].block = unit.name;
        }
    }
}

void Conversion::convert_partitions() {
    const partition_info_msg_t& message = tables_.partitions();
    for (std::uint32_t i = 0; i < message.record_count; ++i) {
        const partition_info_t& info = message.partition_array[i];
        Partition& partition = snapshot_.partitions.emplace_back();
        partition.name = text(info.name);
        partition.up = info.state_up == PARTITION_UP;
        partition.nodes = node_list(info.node_inx);
        mark_gateway(info, partition);
    }
    std::ranges::sort(snapshot_.partitions, {}, &Partition::name);
    for (std::size_t i = 0; i < snapshot_.partitions.size(); ++i)
        partition_position_[snapshot_.partitions[i].name] = static_cast<PartitionIndex>(i);
}

void Conversion::mark_gateway(const partition_info_t& info, Partition& partition) {
    const auto site = std::ranges::find(gateways_.sites, partition.name, &GatewaySite::partition);
    if (site == gateways_.sites.end()) return;
    partition.site = site->site;
    read_access(info, partition);
    partition.kept_out = names_.groups.kept_out(*site, info.allow_groups, snapshot_.at);
    for (const NodeIndex node : partition.nodes) snapshot_.nodes[node].gateway = true;
}

void Conversion::convert_reservations() {
    constexpr std::uint64_t kOurFlags = RESERVE_FLAG_IGN_JOBS | RESERVE_FLAG_NO_HOLD_JOBS;
    const reserve_info_msg_t& message = tables_.reservations();
    for (std::uint32_t i = 0; i < message.record_count; ++i) {
        const reserve_info_t& info = message.reservation_array[i];
        const std::string name = text(info.name);
        const bool held = is_of_consolidation(name);
        if (!held && !std::ranges::binary_search(own_, name)) {
            if (to_time(info.end_time) <= snapshot_.at) continue;
            for_each_node(info.node_inx, [&](NodeIndex index) { snapshot_.nodes[index].reservation = name; });
            continue;
        }
        // "Without end" is a year to Slurm, and a job that outlives its reservation is ended: renewed in
        // time.
        const bool lasts = to_time(info.end_time) > snapshot_.at + kRenewBefore;
        Reservation reservation{name, {}, lasts && (info.flags & kOurFlags) == kOurFlags};
        for (const NodeIndex index : node_list(info.node_inx))
            reservation.nodes.push_back(snapshot_.nodes[index].name);
        snapshot_.reservations.push_back(std::move(reservation));
    }
    std::ranges::sort(snapshot_.reservations, {}, &Reservation::name);
}

void Conversion::read_begin(const slurm_job_info_t& info, Job& job) const {
    if (info.eligible_time != 0) {
        const Time eligible = to_time(info.eligible_time);
        if (eligible > snapshot_.at) {
            job.begin = eligible;
        } else {
            job.eligible = eligible;
        }
    }
    if (info.start_time != 0 && to_time(info.start_time) > snapshot_.at && !job.begin)
        job.expected_start = to_time(info.start_time);
    if (info.admin_comment == nullptr) return;
    job.begin_set_by_weir = job_submit::token::begin(info.admin_comment);
    if (job.begin_set_by_weir) job.admin_comment = info.admin_comment;
}

Job Conversion::to_job(const slurm_job_info_t& info) {
    Job job;
    job.id = JobId{info.job_id};
    job.label = std::to_string(info.job_id);
    job.uid = info.user_id;
    job.user = info.user_name != nullptr ? info.user_name : names_.users.of(info.user_id);
    job.account = text(info.account);
    job.qos = text(info.qos);
    job.batch = info.batch_flag != 0;
    job.held = info.priority == 0;
    job.heterogeneous = info.het_job_id != 0;
    job.restarts = info.restart_cnt;
    job.suspended = (info.job_state & JOB_STATE_BASE) == JOB_SUSPENDED;
    for (const std::string& name : split(info.partition != nullptr ? info.partition : "")) {
        if (const auto found = partition_position_.find(name); found != partition_position_.end())
            job.partitions.push_back(found->second);
    }
    job.priority = info.priority;
    if (info.admin_comment != nullptr) {
        job.notice = job_submit::token::notice(info.admin_comment);
        job.checkpoint = job_submit::token::checkpoint(info.admin_comment);
        job.told = job_submit::token::told(info.admin_comment);
        job.overflow = job_submit::token::overflow(info.admin_comment).value_or(OverflowRequest{});
        if (const auto token = job_submit::token::get(info.admin_comment, job_submit::token::kSite))
            job.nominated = nominated_site(*token, gateways_.installation);
    }
    job.requeueable = info.batch_flag != 0 && info.requeue != 0;
    job.reservation = text(info.resv_name);
    job.licences = !text(info.licenses).empty();
    job.submitted = to_time(info.submit_time);
    if (info.time_limit != INFINITE && info.time_limit != NO_VAL)
        job.time_limit = std::chrono::minutes(info.time_limit);

    const std::uint32_t base = info.job_state & JOB_STATE_BASE;
    if ((info.job_state & JOB_COMPLETING) != 0) {
        job.state = JobState::kCompleting;
    } else {
        job.state = base == JOB_PENDING ? JobState::kPending : JobState::kRunning;
    }
    const std::string tasks = text(info.array_task_str);
    if (job.state == JobState::kPending) {
        job.waits_for = to_waits_for(info);
        job.given_up = given_up(info);
        job.reason = slurm_job_reason_string(static_cast<enum job_state_reason>(info.state_reason));
        job.request = to_request(info);
        read_begin(info, job);
        if (!tasks.empty()) job.count = std::max(1, slurm::count_array_tasks(tasks));
        if (!tasks.empty() && info.array_max_tasks != 0) {
            job.array_limit = static_cast<int>(info.array_max_tasks);
            job.count = std::min(job.count, job.array_limit);
        }
    } else {
        job.started = to_time(info.start_time);
        job.nodes = node_list(info.node_inx);
        if (info.tres_alloc_str != nullptr) {
            const slurm::Allocation held = slurm::parse_allocation(info.tres_alloc_str);
            job.gpus = Gpus{held.gpus};
            job.gpu_type = held.gpu_type;
            job.cpus = held.cpus;
            job.memory = held.memory;
        }
        if (job.checkpoint) job.request = to_request(info);
    }
    if (info.array_job_id != 0 && info.array_task_id != NO_VAL)
        job.label = std::to_string(info.array_job_id) + "_" + std::to_string(info.array_task_id);
    else if (!tasks.empty())
        job.label = std::to_string(info.array_job_id) + "_[" + tasks.substr(0, tasks.find('%')) + "]";
    return job;
}

// Slurm gives one string for each of the job's nodes, in the order of its own node table.
void Conversion::add_gpu_uses(const slurm_job_info_t& info, const Job& job) {
    std::uint32_t position = 0;
    for_each_node(info.node_inx, [&](NodeIndex node) {
        const char* detail = position < info.gres_detail_cnt ? info.gres_detail_str[position] : nullptr;
        ++position;
        if (detail == nullptr) return;
        for (const slurm::GpuIndices& gpus : slurm::parse_gpu_indices(detail)) {
            for (const int index : gpus.indices) {
                GpuUse use;
                use.job = job.id;
                use.node = node;
                use.index = index;
                use.type = gpus.type;
                snapshot_.gpu_uses.push_back(std::move(use));
            }
        }
    });
}

// NodeAddr of the job's first node.
std::string Conversion::host_of(const slurm_job_info_t& info) const {
    const node_info_msg_t& message = tables_.nodes();
    if (info.node_inx == nullptr || info.node_inx[0] < 0) return {};
    const auto first = static_cast<std::uint32_t>(info.node_inx[0]);
    if (first >= message.record_count) return {};
    const node_info_t& node = message.node_array[first];
    return text(node.node_addr != nullptr ? node.node_addr : node.name);
}

void Conversion::convert_jobs() {
    const job_info_msg_t& message = tables_.jobs();
    for (std::uint32_t i = 0; i < message.record_count; ++i) {
        const slurm_job_info_t& info = message.job_array[i];
        const std::uint32_t base = info.job_state & JOB_STATE_BASE;
        const bool lives = base == JOB_PENDING || base == JOB_RUNNING || base == JOB_SUSPENDED ||
                           (info.job_state & JOB_COMPLETING) != 0;
        auto replica = services_.empty() ? std::nullopt : replica_of(info, services_, names_.users);
        if (!lives) {
            if (replica)
                snapshot_.ended.push_back({JobId{info.job_id}, replica->service, replica->number,
                                           to_time(info.submit_time), ending(info)});
            continue;
        }
        Job job = to_job(info);
        if (replica && !job.nodes.empty()) replica->host = host_of(info);
        job.replica = std::move(replica);
        for (const NodeIndex index : job.nodes) ++snapshot_.nodes[index].jobs;
        if (gpu_uses_ && job.state == JobState::kRunning) add_gpu_uses(info, job);
        snapshot_.jobs.push_back(std::move(job));
    }
    std::ranges::sort(snapshot_.jobs, {}, &Job::id);
    std::ranges::sort(snapshot_.ended, {}, &EndedReplica::job);
    std::ranges::sort(snapshot_.gpu_uses, {},
                      [](const GpuUse& use) { return std::tuple(use.job, use.node, use.index); });
}

}  // namespace

const std::string& UserNames::of(std::uint32_t uid) {
    auto [place, fresh] = names_.try_emplace(uid);
    if (fresh) {
        const passwd* entry = getpwuid(uid);
        place->second = entry != nullptr ? entry->pw_name : std::to_string(uid);
    }
    return place->second;
}

Snapshot to_snapshot(const slurm::Tables& tables, const std::vector<std::string>& reservations, Time at,
                     Names& names, bool gpu_uses, const std::vector<ServiceJobs>& services,
                     const Gateways& gateways) {
    return Conversion(tables, reservations, at, names, gpu_uses, services, gateways).run();
}

std::vector<AgentHost> agent_hosts(const slurm::Tables& tables) {
    std::vector<AgentHost> hosts;
    const node_info_msg_t& message = tables.nodes();
    for (std::uint32_t i = 0; i < message.record_count; ++i) {
        const node_info_t& info = message.node_array[i];
        if (info.name == nullptr || info.gres == nullptr || slurm::parse_gres(info.gres).pools.empty())
            continue;
        hosts.push_back({info.name, info.node_addr != nullptr ? info.node_addr : info.name});
    }
    return hosts;
}

}  // namespace weir::observe
