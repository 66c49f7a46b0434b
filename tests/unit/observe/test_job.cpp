// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/observe/observe.h"

using namespace weir;
using namespace weir::observe;

namespace {

// A pending job as slurmctld 22.05.8 reports `sbatch -n 1`.
slurm_job_info_t plain_job() {
    slurm_job_info_t job{};
    job.job_state = JOB_PENDING;
    job.priority = 100;
    job.num_nodes = 1;
    job.num_cpus = 1;
    job.num_tasks = 1;
    job.cpus_per_task = 1;
    job.pn_min_cpus = 1;
    job.ntasks_per_node = 0;
    job.shared = JOB_SHARED_OK;
    return job;
}

char* text(const char* value) {
    return const_cast<char*>(value);
}

}  // namespace

TEST_CASE("GPUs by node, by job and by task are folded into a need per node and a need in all", "[observe]") {
    slurm_job_info_t job = plain_job();
    job.num_nodes = job.max_nodes = 2;
    job.num_tasks = 4;
    SECTION("--gres=gpu:h100:8") {
        job.tres_per_node = text("gres:gpu:h100:8");
        const Request request = to_request(job);
        CHECK(request.gpus_per_node == 8);
        CHECK(request.gpus_total == 0);
        CHECK(request.gpu_type == "h100");
        CHECK(request.nodes_min == 2);
        CHECK(request.nodes_max == 2);
    }
    SECTION("--gpus=6") {
        job.tres_per_job = text("gres:gpu:6");
        CHECK(to_request(job).gpus_total == 6);
        CHECK(to_request(job).gpu_type.empty());
    }
    SECTION("--gpus-per-task=2") {
        job.tres_per_task = text("gres:gpu:2");
        CHECK(to_request(job).gpus_total == 8);
    }
    CHECK(to_request(job).beyond_model.empty());
}

TEST_CASE("how many nodes and tasks a job asks for is read as it was written", "[observe]") {
    slurm_job_info_t job = plain_job();
    Request request = to_request(job);  // --ntasks=1, or nothing at all
    CHECK((request.tasks == 1 && request.nodes_min == 1 && request.nodes_max == 0));
    job.num_tasks = 4;  // --ntasks=4
    CHECK(to_request(job).tasks == 4);
    job.num_nodes = job.max_nodes = job.num_tasks = 2;  // --nodes=2
    request = to_request(job);
    CHECK((request.tasks == 2 && request.nodes_min == 2 && request.nodes_max == 2));
    job.max_nodes = 4;  // --nodes=2-4
    CHECK(to_request(job).nodes_max == 4);
}

TEST_CASE("what the model cannot express is said and never guessed", "[observe]") {
    slurm_job_info_t job = plain_job();
    SECTION("types") {
        job.tres_per_node = text("gres:gpu:h100:1,gres:gpu:a100:1");
        CHECK(to_request(job).beyond_model == "it asks for several types of GPU");
    }
    SECTION("another GRES") {
        job.tres_per_node = text("gres:nic:1");
        CHECK(to_request(job).beyond_model == "it asks for a GRES that is not a GPU");
    }
    SECTION("sockets") {
        job.tres_per_socket = text("gres:gpu:1");
        CHECK(to_request(job).beyond_model == "it asks for GPUs by socket");
    }
    SECTION("alternatives") {
        job.features = text("[rack1|rack2]");
        CHECK(to_request(job).beyond_model == "its constraint offers alternatives");
    }
    SECTION("contiguous") {
        job.contiguous = 1;
        CHECK(to_request(job).beyond_model == "it asks for contiguous nodes");
    }
}

TEST_CASE("NO_VAL and INFINITE end in the conversion", "[observe]") {
    slurm_job_info_t job = plain_job();
    job.num_tasks = NO_VAL;
    job.max_nodes = INFINITE;
    job.cpus_per_task = NO_VAL16;
    job.ntasks_per_node = INFINITE16;
    job.pn_min_memory = NO_VAL64;
    const Request request = to_request(job);
    CHECK(request.nodes_max == 0);
    CHECK(request.cpus_per_node == 1);
    CHECK(request.memory_per_node == 0);
    CHECK(request.memory_per_cpu == 0);
}

TEST_CASE("memory is by CPU or by node as Slurm's highest bit says", "[observe]") {
    slurm_job_info_t job = plain_job();
    job.pn_min_memory = 4096 | MEM_PER_CPU;
    CHECK(to_request(job).memory_per_cpu == 4096);
    CHECK(to_request(job).memory_per_node == 0);
    job.pn_min_memory = 8192;
    CHECK(to_request(job).memory_per_node == 8192);
}

TEST_CASE("capacity, a begin time and anything else are told apart", "[observe]") {
    slurm_job_info_t job = plain_job();
    for (const auto reason :
         {WAIT_NO_REASON, WAIT_PRIORITY, WAIT_RESOURCES, WAIT_NODE_NOT_AVAIL, WAIT_RESERVATION}) {
        job.state_reason = reason;
        CHECK(to_waits_for(job) == WaitsFor::kResources);
    }
    job.state_reason = WAIT_TIME;
    CHECK(to_waits_for(job) == WaitsFor::kBeginTime);
    for (const auto reason : {WAIT_DEPENDENCY, WAIT_LICENSES, WAIT_QOS_MAX_CPU_PER_USER, WAIT_HELD_USER}) {
        job.state_reason = reason;
        CHECK(to_waits_for(job) == WaitsFor::kOther);
    }
    job.state_reason = WAIT_RESOURCES;
    job.priority = 0;
    CHECK(to_waits_for(job) == WaitsFor::kOther);
}

TEST_CASE("a job given up for a reservation of Weir's waits for capacity, and for any other cause does not",
          "[observe]") {
    slurm_job_info_t job = plain_job();
    job.priority = 0;
    job.state_reason = FAIL_BAD_CONSTRAINTS;
    job.resv_name = text("weir_inference");
    CHECK(given_up(job));
    CHECK(to_waits_for(job) == WaitsFor::kResources);
    job.resv_name = text("maintenance");
    CHECK_FALSE(given_up(job));
    CHECK(to_waits_for(job) == WaitsFor::kOther);
}

TEST_CASE("a node takes jobs only where nothing speaks against it", "[observe]") {
    CHECK(to_state(NODE_STATE_IDLE) == NodeState::kUp);
    CHECK(to_state(NODE_STATE_MIXED | NODE_STATE_COMPLETING | NODE_STATE_PLANNED) == NodeState::kUp);
    CHECK(to_state(NODE_STATE_IDLE | NODE_STATE_POWERED_DOWN) == NodeState::kPoweredDown);
    CHECK(to_state(NODE_STATE_IDLE | NODE_STATE_POWERING_UP) == NodeState::kPoweringUp);
    CHECK(to_state(NODE_STATE_ALLOCATED | NODE_STATE_DRAIN) == NodeState::kDraining);
    CHECK(to_state(NODE_STATE_IDLE | NODE_STATE_MAINT | NODE_STATE_RES) == NodeState::kDraining);
    CHECK(to_state(NODE_STATE_IDLE | NODE_STATE_REBOOT_REQUESTED) == NodeState::kDraining);
    for (const std::uint32_t state : {NODE_STATE_DOWN, NODE_STATE_FUTURE, NODE_STATE_ERROR})
        CHECK(to_state(state) == NodeState::kDown);
    CHECK(to_state(NODE_STATE_ALLOCATED | NODE_STATE_NO_RESPOND) == NodeState::kUnknown);
    CHECK(to_state(NODE_STATE_UNKNOWN) == NodeState::kUnknown);
    CHECK(to_state(NODE_STATE_IDLE | NODE_STATE_POWERING_DOWN) == NodeState::kDown);
}
