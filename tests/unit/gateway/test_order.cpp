// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/gateway/order.h"

using namespace weir;
using namespace weir::gateway;
using namespace std::chrono_literals;

namespace {

LocalJob local_job() {
    LocalJob job;
    job.id = 17;
    job.batch = true;
    job.time_limit = 90min;
    job.node_count = 2;
    job.tasks = 4;
    job.tasks_per_node = 2;
    job.cpus_per_task = 8;
    job.memory_per_cpu = 2000;
    job.gpu_type = "a100";
    job.gpus = {4, 4};
    return job;
}

}  // namespace

TEST_CASE("a copy asks for what its job has here", "[gateway]") {
    config::SiteConnection site;
    site.root = "/scratch/{user}";
    site.partition = "gpu";
    site.account = "ext";
    Record record;
    record.site = "west";
    record.name = "weir.0011.17.ab";
    record.run.remote_user = "w-alice";
    record.directory = "/scratch/w-alice/weir.0011.17.ab";
    record.output = record.directory + ".out";
    LocalJob job = local_job();
    job.array_job = 15;
    job.array_task = 3;
    job.restarts = 2;
    job.name = "it's mine";
    job.exclusive = true;
    const auto order =
        make_order(record, job, {"#!/bin/sh\ntrue\n", std::string("FOO=x\0PATH=/opt\0", 16)}, site);
    CHECK(order.name == "weir.0011.17.ab");
    CHECK(order.dependency == "singleton");
    CHECK(order.working_directory == "/scratch/w-alice");
    CHECK(order.standard_output == "/scratch/w-alice/weir.0011.17.ab.out");
    CHECK(order.standard_error.empty());
    CHECK(order.environment == Environment{{"FOO", "x"}, {"PATH", "/opt"}});
    CHECK((order.partition == "gpu" && order.account == "ext" && order.qos.empty()));
    CHECK((order.nodes == 2 && order.tasks == 4 && order.tasks_per_node == 2 && order.cpus_per_task == 8));
    CHECK((order.memory_per_node == 0 && order.memory_per_cpu == 2000));
    CHECK((order.gpu_type == "a100" && order.gpus_per_node == 4));
    CHECK(order.time_limit == 90min);
    CHECK_FALSE(order.requeue);
    CHECK(order.exclusive);
    for (const char* line : {"export SLURM_ARRAY_JOB_ID='15'\n", "export SLURM_ARRAY_TASK_ID='3'\n",
                             "export SLURM_RESTART_COUNT='2'\n", "export SLURM_JOB_NAME='it'\\''s mine'\n",
                             "export WEIR_HOME_JOB_ID='17'\n"})
        CHECK(order.script.find(line) != std::string::npos);
}

TEST_CASE("others may use a copy's nodes unless its job asks for them whole", "[gateway]") {
    config::SiteConnection site;
    site.root = "/s";
    CHECK_FALSE(make_order({}, local_job(), {}, site).exclusive);
}

TEST_CASE("an order never lacks an environment", "[gateway]") {
    config::SiteConnection site;
    site.root = "/s";
    CHECK(make_order({}, local_job(), {}, site).environment.contains("PATH"));
}

TEST_CASE("a warning for the steps goes along, one for the script comes by the relay", "[gateway]") {
    config::SiteConnection site;
    site.root = "/s";
    LocalJob job = local_job();
    CHECK(make_order({}, job, {}, site).signal.empty());
    job.admin_comment = "weir:signal=USR1@90;site=west@ab";
    CHECK(make_order({}, job, {}, site).signal == "USR1@90");
    job.admin_comment = "weir:signal=B:USR1@90;site=west@ab";
    CHECK(make_order({}, job, {}, site).signal.empty());
}

TEST_CASE("what a site could not be asked for is not sent, and the reason is told", "[gateway]") {
    CHECK(unsendable(local_job(), {}).empty());
    LocalJob job = local_job();
    job.batch = false;
    CHECK(unsendable(job, {}) == "it is no batch job");
    job = local_job();
    job.heterogeneous = true;
    CHECK(unsendable(job, {}) == "it is a component of a heterogeneous job");
    job = local_job();
    job.container = "/srv/bundle";
    CHECK(unsendable(job, {}) == "it runs in a container (--container)");
    job = local_job();
    CHECK(unsendable(job, {"", std::string("A=1\0SLURM_GET_USER_ENV=1\0", 25)}) ==
          "its user's login shell is to run where it starts (--get-user-env, or an --export without ALL)");
    CHECK(unsendable(job, {"", std::string("A=SLURM_GET_USER_ENV=1\0", 23)}).empty());
    job.time_limit = 0s;
    CHECK(unsendable(job, {}) == "it has no time limit");
    job = local_job();
    job.gpus = {4, 2};
    CHECK(unsendable(job, {}) == "its GPUs are spread unevenly over its nodes");
    job.gpus = {4};  // on one of two nodes
    CHECK(unsendable(job, {}) == "its GPUs are spread unevenly over its nodes");
    job.gpus.clear();
    CHECK(unsendable(job, {}).empty());
    CHECK(unsendable(job, {"#!/bin/sh\necho caf\xc3\xa9\n", {}}).empty());
    CHECK(unsendable(job, {"#!/bin/sh\necho caf\xe9\n", {}}) == "line 2 of its script is no UTF-8");
    CHECK(unsendable(job, {std::string("#!/bin/sh\n\0", 11), {}}) == "its script holds a zero byte");
}

TEST_CASE("GPUs are read from what Slurm says a node gives a job", "[gateway]") {
    const auto read = [](const char* text) {
        std::string type;
        int count = 0;
        const bool found = read_gpus(text, type, count);
        return found ? type + " " + std::to_string(count) : "none";
    };
    CHECK(read("gpu:a100:2(IDX:0-1)") == "a100 2");
    CHECK(read("gpu:3(IDX:0,2-3)") == " 3");
    CHECK(read("mps:100,gpu:h100:1(IDX:5)") == "h100 1");
    CHECK(read("gpu:a100:1(IDX:0),gpu:a100:1(IDX:3)") == "a100 2");
    CHECK(read("") == "none");
    CHECK(read("gpu:a100:x") == "none");
    CHECK(read("license:2") == "none");
}
