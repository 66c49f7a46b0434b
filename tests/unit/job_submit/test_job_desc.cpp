// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <functional>

#include "plugin/job_submit/job_desc.h"

using namespace weir;
using namespace weir::job_submit;

namespace {

// What sbatch sends for a job of user 1000 in inference that asks for nothing.
job_desc_msg_t plain_job() {
    job_desc_msg_t job;
    slurm_init_job_desc_msg(&job);
    static char partition[] = "inference";
    job.partition = partition;
    job.user_id = 1000;
    job.min_cpus = 1;
    return job;
}

Submission read(const std::function<void(job_desc_msg_t&)>& fill) {
    job_desc_msg_t job = plain_job();
    fill(job);
    return read_submission(job, "train", true);
}

Request request(const std::function<void(job_desc_msg_t&)>& fill) {
    return read(fill).request;
}

// The fields that say how large the job is.
Request sizes(int nodes_min, int nodes_max, int cpus_per_node, int cpus_total) {
    Request request;
    request.nodes_min = nodes_min;
    request.nodes_max = nodes_max;
    request.cpus_per_node = cpus_per_node;
    request.cpus_total = cpus_total;
    return request;
}

char* words(const char* text) {
    return const_cast<char*>(text);
}

}  // namespace

TEST_CASE("a job that asks for nothing is one task on as many nodes as it takes", "[job_submit][job_desc]") {
    Submission expected;
    expected.partitions = "inference";
    expected.uid = 1000;
    expected.request = sizes(1, 0, 1, 1);
    const Submission seen = read([](job_desc_msg_t&) {});
    CHECK(seen.partitions == expected.partitions);
    CHECK(seen.reservation.empty());
    CHECK_FALSE(seen.begin);
    CHECK(seen.uid == 1000);
    CHECK(seen.account.empty());
    CHECK(seen.cpus_per_task == 1);
    CHECK_FALSE(seen.immediate);
    CHECK(seen.request == expected.request);
}

TEST_CASE("a message full of zeros is read like one full of NO_VAL", "[job_submit][job_desc]") {
    job_desc_msg_t zeros{};
    zeros.shared = NO_VAL16;
    zeros.min_nodes = 1;
    CHECK(read_submission(zeros, nullptr, true).request == sizes(1, 0, 1, 1));
}

TEST_CASE("without a partition the default one counts", "[job_submit][job_desc]") {
    CHECK(read([](job_desc_msg_t& job) { job.partition = nullptr; }).partitions == "train");
    CHECK(read([](job_desc_msg_t& job) { job.partition = words(""); }).partitions == "train");
    job_desc_msg_t job = plain_job();
    job.partition = nullptr;
    CHECK(read_submission(job, nullptr, true).partitions.empty());
}

TEST_CASE("reservation, begin time, account and haste are taken over", "[job_submit][job_desc]") {
    const Submission seen = read([](job_desc_msg_t& job) {
        job.reservation = words("mine");
        job.begin_time = 1'700'000'000;
        job.account = words("serving");
        job.immediate = 1;
    });
    CHECK(seen.reservation == "mine");
    CHECK(seen.begin == Time(Duration(1'700'000'000)));
    CHECK(seen.account == "serving");
    CHECK(seen.immediate);
}

TEST_CASE("nodes, tasks and CPUs make up what is needed per node and in all", "[job_submit][job_desc]") {
    CHECK(request([](auto& job) { job.min_nodes = job.max_nodes = 2; }) == sizes(2, 2, 1, 2));     // -N2
    CHECK(request([](auto& job) { job.min_nodes = 2, job.max_nodes = 4; }) == sizes(2, 4, 1, 2));  // -N2-4
    CHECK(request([](auto& job) { job.num_tasks = 6, job.min_cpus = 6; }) == sizes(1, 6, 1, 6));   // -n6
    CHECK(request([](auto& job) { job.num_tasks = 6, job.cpus_per_task = 4; }) == sizes(1, 6, 4, 24));
    // -N2 --ntasks-per-node=4 -c2
    CHECK(request([](auto& job) {
              job.min_nodes = job.max_nodes = 2;
              job.ntasks_per_node = 4;
              job.cpus_per_task = 2;
          }) == sizes(2, 2, 8, 16));
    CHECK(request([](auto& job) { job.min_nodes = job.max_nodes = 4, job.num_tasks = 2; }) ==
          sizes(4, 4, 1, 2));
    CHECK(request([](auto& job) { job.min_nodes = 1, job.max_nodes = 8, job.num_tasks = 2; }) ==
          sizes(1, 2, 1, 2));
    CHECK(request([](auto& job) { job.pn_min_cpus = 12; }) == sizes(1, 0, 12, 1));  // --mincpus
    CHECK(read([](auto& job) { job.cpus_per_task = 4; }).cpus_per_task == 4);
}

TEST_CASE("memory is per node or per CPU", "[job_submit][job_desc]") {
    const Request node = request([](auto& job) { job.pn_min_memory = 4096; });
    CHECK(node.memory_per_node == 4096);
    CHECK(node.memory_per_cpu == 0);
    const Request cpu = request([](auto& job) { job.pn_min_memory = 2048 | MEM_PER_CPU; });
    CHECK(cpu.memory_per_node == 0);
    CHECK(cpu.memory_per_cpu == 2048);
    CHECK(request([](auto& job) { job.pn_min_memory = 0; }).memory_per_node == 0);
}

TEST_CASE("GPUs are per node, per job or per task", "[job_submit][job_desc]") {
    const Request node = request([](auto& job) { job.tres_per_node = words("gres:gpu:h100:4"); });
    CHECK(node.gpus_per_node == 4);
    CHECK(node.gpu_type == "h100");
    CHECK(node.beyond_model.empty());
    const Request all = request([](auto& job) { job.tres_per_job = words("gres:gpu:16"); });
    CHECK(all.gpus_per_node == 0);
    CHECK(all.gpus_total == 16);
    CHECK(all.gpu_type.empty());
    const Request task =
        request([](auto& job) { job.tres_per_task = words("gres/gpu:1"), job.num_tasks = 6; });
    CHECK(task.gpus_per_node == 1);
    CHECK(task.gpus_total == 6);
    CHECK(task.beyond_model.empty());
    CHECK(request([](auto& job) { job.tres_per_task = words("gres:gpu:4"); }).gpus_per_node == 4);
    CHECK(request([](auto& job) { job.tres_per_task = words("cpu:4,gres/gpu:1"); }).beyond_model.empty());
}

TEST_CASE("CPUs and memory may come with the GPUs", "[job_submit][job_desc]") {
    const Request node = request([](auto& job) {
        job.tres_per_node = words("gres:gpu:4");
        job.cpus_per_tres = words("gres:gpu:8");
        job.mem_per_tres = words("gres:gpu:1000");
    });
    CHECK(node.cpus_per_node == 32);
    CHECK(node.memory_per_node == 4000);
    CHECK(node.beyond_model.empty());
    const Request all = request([](auto& job) {
        job.tres_per_job = words("gres:gpu:16");
        job.cpus_per_tres = words("gres:gpu:8");
    });
    CHECK(all.cpus_per_node == 8);
    CHECK(all.cpus_total == 128);
    CHECK_FALSE(request([](auto& job) {
                    job.tres_per_job = words("gres:gpu:16");
                    job.mem_per_tres = words("gres:gpu:1000");
                }).beyond_model.empty());
}

TEST_CASE("whole nodes are whole nodes", "[job_submit][job_desc]") {
    CHECK(request([](auto& job) { job.shared = JOB_SHARED_NONE; }).exclusive);
    CHECK(request([](auto& job) { job.shared = JOB_SHARED_USER; }).exclusive);
    CHECK_FALSE(request([](auto& job) { job.shared = JOB_SHARED_OK; }).exclusive);
}

TEST_CASE("what the model has no word for is said to be beyond it", "[job_submit][job_desc]") {
    const std::function<void(job_desc_msg_t&)> fill = GENERATE(values<std::function<void(job_desc_msg_t&)>>({
        [](auto& job) { job.features = words("nvlink|ib"); },
        [](auto& job) { job.prefer = words("nvlink"); },
        [](auto& job) { job.cluster_features = words("x"); },
        [](auto& job) { job.batch_features = words("x"); },
        [](auto& job) { job.req_nodes = words("t1"); },
        [](auto& job) { job.exc_nodes = words("t1"); },
        [](auto& job) { job.sockets_per_node = 2; },
        [](auto& job) { job.cores_per_socket = 2; },
        [](auto& job) { job.threads_per_core = 1; },
        [](auto& job) { job.core_spec = 2; },
        [](auto& job) { job.ntasks_per_socket = 2; },
        [](auto& job) { job.ntasks_per_core = 1; },
        [](auto& job) { job.ntasks_per_tres = 2; },
        [](auto& job) { job.overcommit = 1; },
        [](auto& job) { job.contiguous = 1; },
        [](auto& job) { job.req_switch = 1; },
        [](auto& job) { job.pn_min_tmp_disk = 10; },
        [](auto& job) { job.tres_per_socket = words("gres:gpu:1"); },
        [](auto& job) { job.tres_per_node = words("gres:nic:1"); },
        [](auto& job) { job.tres_per_node = words("gres:gpu:h100:1,gres:gpu:a100:1"); },
        [](auto& job) {
            job.tres_per_node = words("gres:gpu:h100:1"), job.tres_per_job = words("gres:gpu:a100:1");
        },
        [](auto& job) { job.tres_per_task = words("gres:gpu:2"), job.num_tasks = 2; },
        [](auto& job) { job.min_nodes = 0; },
    }));
    CHECK_FALSE(request(fill).beyond_model.empty());
}

TEST_CASE("numbers beyond any machine stay numbers", "[job_submit][job_desc]") {
    const Request huge = request([](auto& job) {
        job.min_nodes = 4'000'000'000U;
        job.num_tasks = 4'000'000'000U;
        job.cpus_per_task = 65'000;
        job.tres_per_task = words("gres:gpu:2000000000");
    });
    CHECK(huge.nodes_min > 1'000'000'000);
    CHECK(huge.cpus_total > 1'000'000'000);
    CHECK(huge.gpus_total > 1'000'000'000);
}

TEST_CASE("whether a job has a script, may be requeued and how long it may run is read",
          "[job_submit][job_desc]") {
    using Requeue = Submission::Requeue;
    const Submission plain = read([](job_desc_msg_t&) {});
    CHECK_FALSE(plain.batch);
    CHECK_FALSE(plain.time_limit);
    CHECK(plain.requeueable == Requeue::kYes);
    const Submission batch = read([](job_desc_msg_t& job) {
        job.script = words("#!/bin/sh");
        job.requeue = 0;
        job.time_limit = 2;
    });
    CHECK(batch.batch);
    CHECK(batch.has_script);
    CHECK(batch.requeueable == Requeue::kRefusedByUser);
    CHECK(batch.time_limit == Duration(120));
    const Submission component = read([](job_desc_msg_t& job) { job.het_job_offset = 1; });
    CHECK(component.batch);
    CHECK_FALSE(component.has_script);
    job_desc_msg_t job = plain_job();
    CHECK(read_submission(job, nullptr, false).requeueable == Requeue::kNotByDefault);
    job.requeue = 1;
    CHECK(read_submission(job, nullptr, false).requeueable == Requeue::kYes);
}

TEST_CASE("a job whose login shell or container is of this cluster stays here", "[job_submit][job_desc]") {
    char* environment[] = {words("HOME=/home/alice"), words("SLURM_GET_USER_ENV=1")};
    const auto stays = [&](std::uint32_t entries) {
        return read([&](job_desc_msg_t& job) {
                   job.environment = environment;
                   job.env_size = entries;
               })
            .stays;
    };
    CHECK(stays(1).empty());
    CHECK(stays(2).starts_with("it does not go with --get-user-env"));
    CHECK(read([](job_desc_msg_t& job) { job.container = words("/srv/bundle"); }).stays ==
          "jobs in a container (--container) do not run elsewhere");
}

TEST_CASE("how long before its end a job is warned is read", "[job_submit][job_desc]") {
    const Submission job = read([](job_desc_msg_t& message) {
        message.warn_signal = 10;
        message.warn_time = 90;
        message.warn_flags = KILL_JOB_BATCH;
    });
    CHECK(job.signal == NoticeSignal{10, true, {}});
    CHECK(job.signal_ahead == Duration(90));
}

TEST_CASE("options are found among what other plugins say, by their whole names", "[job_submit][job_desc]") {
    job_desc_msg_t job = plain_job();
    CHECK(read_options(job) == Options{});
    char* entries[] = {words("OTHER=1"),
                       words("WEIR_NOTICES=x"),
                       words("WEIR_NOTICE=TERM@5"),
                       nullptr,
                       words("WEIR_CHECKPOINT="),
                       words("WEIR_OVERFLOW=allow:west"),
                       words("WEIR_MAX_COST=5"),
                       words("WEIR_LATENCY=1s"),
                       words("WEIR_STAGE_IN=17"),
                       words("WEIR_STAGE_OUT=")};
    job.spank_job_env = entries;
    job.spank_job_env_size = 10;
    CHECK(read_options(job) == Options{"", "TERM@5", "allow:west", "5", "1s", "17", ""});
}
