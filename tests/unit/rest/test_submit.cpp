// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "plugin/gateway/rest/messages.h"

namespace weir::rest::test {

using nlohmann::json;

namespace {

Submission full_submission() {
    Submission submission;
    submission.name = "weir-17";
    submission.script = "#!/bin/sh\necho \"hi\"\n";
    submission.working_directory = "/scratch/w-alice";
    submission.standard_output = "/scratch/w-alice/out";
    submission.environment = {{"A", "1=2"}, {"B", "two\nlines"}};
    submission.partition = "gpu";
    submission.account = "research";
    submission.qos = "normal";
    submission.comment = "weir";
    submission.dependency = "afterany:3";
    submission.nodes = 2;
    submission.tasks = 4;
    submission.cpus_per_task = 3;
    submission.tasks_per_node = 2;
    submission.memory_per_node = 7000;
    submission.gpu_type = "a100";
    submission.gpus_per_node = 2;
    submission.time_limit = Duration(601);
    submission.signal = "USR1@90";
    submission.exclusive = true;
    return submission;
}

json body_in(int version, const Submission& submission) {
    return json::parse(submit_body(Version{version}, submission));
}

}  // namespace

TEST_CASE("up to v0.0.38 a submission is made of sbatch's options", "[rest]") {
    const json expected = json::parse(R"({"script": "#!/bin/sh\necho \"hi\"\n", "job": {
        "name": "weir-17", "current_working_directory": "/scratch/w-alice", "standard_output": "/scratch/w-alice/out",
        "environment": {"A": "1=2", "B": "two\nlines"}, "partition": "gpu", "account": "research", "qos": "normal",
        "comment": "weir", "dependency": "afterany:3", "nodes": "2", "tasks": 4, "cpus_per_task": 3,
        "tasks_per_node": 2, "memory_per_node": "7000", "gres": "gpu:a100:2", "time_limit": 11, "signal": "USR1@90",
        "no_requeue": true, "exclusive": "exclusive"}})");
    for (const int version : {36, 37, 38}) CHECK(body_in(version, full_submission()) == expected);
}

TEST_CASE("from v0.0.39 on a submission is made of Slurm's structure", "[rest]") {
    const json expected = json::parse(R"({"script": "#!/bin/sh\necho \"hi\"\n", "job": {
        "name": "weir-17", "current_working_directory": "/scratch/w-alice", "standard_output": "/scratch/w-alice/out",
        "environment": ["A=1=2", "B=two\nlines"], "partition": "gpu", "account": "research", "qos": "normal",
        "comment": "weir", "dependency": "afterany:3", "nodes": "2", "tasks": 4, "cpus_per_task": 3,
        "tasks_per_node": 2, "memory_per_node": {"set": true, "infinite": false, "number": 7000},
        "tres_per_node": "gres:gpu:a100:2", "time_limit": {"set": true, "infinite": false, "number": 11},
        "kill_warning_signal": "USR1", "kill_warning_delay": {"set": true, "infinite": false, "number": 90},
        "requeue": false, "shared": ["none"]}})");
    for (const int version : {39, 40, 45}) CHECK(body_in(version, full_submission()) == expected);
}

TEST_CASE("what a submission does not say is left to the site", "[rest]") {
    Submission small;
    small.script = "#!/bin/sh\n";
    small.requeue = true;
    CHECK(body_in(38, small) ==
          json::parse(R"({"script": "#!/bin/sh\n", "job": {"environment": {}, "nodes": "1",
        "tasks": 1, "cpus_per_task": 1, "requeue": true}})"));
    CHECK(body_in(45, small) ==
          json::parse(R"({"script": "#!/bin/sh\n", "job": {"environment": [], "nodes": "1",
        "tasks": 1, "cpus_per_task": 1, "requeue": true}})"));
}

TEST_CASE("GPUs of any type and memory for each CPU are asked for", "[rest]") {
    Submission submission;
    submission.gpus_per_node = 1;
    submission.memory_per_cpu = 500;
    CHECK(body_in(38, submission)["job"]["gres"] == "gpu:1");
    CHECK(body_in(38, submission)["job"]["memory_per_cpu"] == "500");
    CHECK(body_in(40, submission)["job"]["tres_per_node"] == "gres:gpu:1");
    CHECK(body_in(40, submission)["job"]["memory_per_cpu"]["number"] == 500);
}

TEST_CASE("a warning to the batch script is left out where slurmrestd refuses it", "[rest]") {
    Submission submission;
    submission.signal = "B:USR2@30";
    CHECK(warning_of(submission.signal) == Warning{true, "USR2", Duration(30)});
    CHECK(warning_of("TERM") == Warning{false, "TERM", Duration(60)});
    CHECK(warning_of("RB:10@0") == Warning{true, "10", Duration(0)});
    CHECK(!body_in(38, submission)["job"].contains("signal"));
    const json job = body_in(39, submission)["job"];
    CHECK(job["kill_warning_flags"] == json::array({"BATCH_JOB"}));
    CHECK(job["kill_warning_signal"] == "USR2");
    CHECK(job["kill_warning_delay"]["number"] == 30);
}

TEST_CASE("a submission that is no UTF-8 still makes a body", "[rest]") {
    Submission submission;
    submission.script = "#!/bin/sh\n# J\xF6rg\n";
    CHECK(body_in(45, submission)["script"].get<std::string>().starts_with("#!/bin/sh\n# J"));
}

}  // namespace weir::rest::test
