// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/job_submit/heartbeat.h"

using namespace weir;
using namespace weir::job_submit;

namespace {

// Two nodes with 8 H100 and 64 CPUs, one with 4 A100 and 128 CPUs, three without GPUs and 16 CPUs.
Rule mixed() {
    Rule rule{"inference", "weir_inference", false, {}, {}, {}};
    rule.shapes = {
        {2, 64, 512'000, {{"h100", 8, 0}}}, {1, 128, 256'000, {{"a100", 4, 0}}}, {3, 16, 64'000, {}}};
    return rule;
}

Request need(void (*fill)(Request&)) {
    Request request;
    request.cpus_per_node = 1;
    request.cpus_total = 1;
    fill(request);
    return request;
}

}  // namespace

TEST_CASE("a job fits whose nodes can all be found in the reservation", "[job_submit][fits]") {
    CHECK(fits(mixed(), need([](Request&) {})));
    CHECK(fits(mixed(), need([](Request& r) { r.gpus_per_node = 8; })));
    CHECK(fits(mixed(), need([](Request& r) { r.nodes_min = r.nodes_max = 6; })));
    CHECK(fits(mixed(), need([](Request& r) {
                   r.nodes_min = r.nodes_max = 2;
                   r.gpus_per_node = 8;
                   r.gpu_type = "h100";
                   r.cpus_per_node = 64;
                   r.memory_per_node = 512'000;
               })));
    CHECK(fits(mixed(), need([](Request& r) { r.exclusive = true; })));
}

TEST_CASE("a job does not fit that needs more of a node than any has", "[job_submit][fits]") {
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.gpus_per_node = 9; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.cpus_per_node = 129; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.memory_per_node = 512'001; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.gpus_per_node = 4, r.gpu_type = "b200"; })));
}

TEST_CASE("the needs of a node must meet on one node", "[job_submit][fits]") {
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.gpus_per_node = 8, r.cpus_per_node = 65; })));
    CHECK(fits(mixed(), need([](Request& r) { r.gpus_per_node = 4, r.cpus_per_node = 65; })));
}

TEST_CASE("a job does not fit that needs more nodes than suit it", "[job_submit][fits]") {
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.nodes_min = r.nodes_max = 7; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.nodes_min = r.nodes_max = 3, r.gpus_per_node = 8; })));
    CHECK(fits(mixed(), need([](Request& r) { r.nodes_min = r.nodes_max = 3, r.gpus_per_node = 4; })));
}

TEST_CASE("totals are made up from as many nodes as the job takes", "[job_submit][fits]") {
    CHECK(fits(mixed(), need([](Request& r) { r.gpus_total = 20, r.nodes_max = 0; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.gpus_total = 21, r.nodes_max = 0; })));
    CHECK(fits(mixed(), need([](Request& r) { r.gpus_total = 16, r.nodes_max = 2; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.gpus_total = 17, r.nodes_max = 2; })));
    CHECK(fits(mixed(), need([](Request& r) { r.cpus_total = 304, r.nodes_max = 0; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.cpus_total = 305, r.nodes_max = 0; })));
}

TEST_CASE("the best nodes are taken first, by GPUs or by CPUs", "[job_submit][fits]") {
    CHECK(fits(mixed(), need([](Request& r) { r.cpus_total = 128; })));
    CHECK(fits(mixed(), need([](Request& r) { r.gpus_total = 8; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.gpus_total = 8, r.cpus_total = 128; })));
}

TEST_CASE("nodes without GPUs do not count for a job that wants some in all", "[job_submit][fits]") {
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.nodes_min = r.nodes_max = 4, r.gpus_total = 4; })));
}

TEST_CASE("a task's CPUs stand on one node", "[job_submit][fits]") {
    // 3 tasks of 40 CPUs: one on each H100 node, three on the A100 node.
    const Request request =
        need([](Request& r) { r.cpus_total = 200, r.cpus_per_node = 40, r.nodes_max = 0; });
    CHECK(fits(mixed(), request, 40));
    Request larger = request;
    larger.cpus_total = 240;  // 256 CPUs stand on nodes of at least 40, but no sixth task finds a place
    CHECK_FALSE(fits(mixed(), larger, 40));
    CHECK(fits(mixed(), larger, 1));
}

TEST_CASE("memory asked for each CPU bounds the CPUs of a node", "[job_submit][fits]") {
    CHECK(fits(mixed(), need([](Request& r) { r.cpus_per_node = 64, r.memory_per_cpu = 8'000; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.cpus_per_node = 65, r.memory_per_cpu = 8'000; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.memory_per_cpu = 9'000, r.exclusive = true; })));
}

TEST_CASE("what cannot be told does not fit", "[job_submit][fits]") {
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.features = {"nvlink"}; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.nodes_required = {"t1"}; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.nodes_excluded = {"t1"}; })));
    CHECK_FALSE(fits(mixed(), need([](Request& r) { r.beyond_model = "asks for two GPU types"; })));
}

TEST_CASE("nothing fits an empty reservation", "[job_submit][fits]") {
    CHECK_FALSE(fits(Rule{"p", "r", false, {}, {}, {}}, Request{}));
    CHECK_FALSE(fits(Rule{"p", "r", false, {}, {}, {{0, 64, 1000, {}}}}, Request{}));
}
