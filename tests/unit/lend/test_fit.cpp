// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "policies/lend/fit.h"
#include "tests/unit/lend/world.h"

using namespace weir;
using namespace weir::test;
using policies::Capacity;
using policies::Shapes;

namespace {

// How often a job like this one finds a place on four nodes, of which t1 runs a job with 6 GPUs.
int places(const std::function<void(Request&)>& ask) {
    World world = small_world();
    world.running(1, "train", {"t1"}, 6);
    world.nodes["t2"].features = {"nvme"};
    ask(world.pending(2, "train", 1, 0).request);
    const Snapshot snapshot = world.snapshot();
    Shapes shapes(snapshot);
    Capacity free(snapshot, shapes);
    for (NodeIndex node = 0; node < snapshot.nodes.size(); ++node) {
        free.open_as_is(node);
        free.add(node);
    }
    const auto shape = shapes.of(*snapshot.job({2}));
    int count = 0;
    while (count < 1000 && free.place(shape)) ++count;
    return count;
}

}  // namespace

TEST_CASE("a job fits where all that it asks of a node is free", "[fit]") {
    CHECK(places([](Request& r) { r.gpus_per_node = 8; }) == 3);
    CHECK(places([](Request& r) { r.gpus_per_node = 2; }) == 13);
    CHECK(places([](Request& r) { r.cpus_per_node = 20; }) == 9);
    CHECK(places([](Request& r) { r.memory_per_node = 300 * 1024; }) == 4);
    CHECK(places([](Request& r) { r.exclusive = true; }) == 3);
    CHECK(places([](Request& r) { r.gpus_per_node = 8, r.gpu_type = "h100"; }) == 3);
    CHECK(places([](Request& r) { r.gpus_per_node = 1, r.gpu_type = "a100"; }) == 0);
    CHECK(places([](Request& r) { r.gpus_per_node = 1, r.features = {"nvme"}; }) == 8);
    CHECK(places([](Request& r) { r.gpus_per_node = 1, r.nodes_required = {"t1"}; }) == 2);
    CHECK(places([](Request& r) { r.gpus_per_node = 1, r.nodes_required = {"gone"}; }) == 0);
    CHECK(places([](Request& r) { r.gpus_per_node = 8, r.nodes_excluded = {"t2", "t3"}; }) == 1);
    CHECK(places([](Request& r) { r.cpus_per_node = 4, r.memory_per_cpu = 64 * 1024; }) == 8);
}

TEST_CASE("a job of several nodes fits when each finds its own", "[fit]") {
    auto nodes = [](int count, int gpus) {
        return [=](Request& r) { r.nodes_min = r.nodes_max = count, r.gpus_per_node = gpus; };
    };
    CHECK(places(nodes(3, 8)) == 1);
    CHECK(places(nodes(4, 8)) == 0);
    CHECK(places(nodes(4, 2)) == 1);
    CHECK(places(nodes(2, 4)) == 2);  // first fit, not the best of all packings
}

TEST_CASE("GPUs in all may be gathered in unequal parts", "[fit]") {
    auto gpus = [](int total, int least, int most) {
        return [=](Request& r) { r.gpus_total = total, r.nodes_min = least, r.nodes_max = most; };
    };
    CHECK(places(gpus(26, 1, 0)) == 1);
    CHECK(places(gpus(27, 1, 0)) == 0);
    CHECK(places(gpus(18, 1, 3)) == 1);
    CHECK(places(gpus(25, 1, 3)) == 0);
    CHECK(places(gpus(9, 1, 1)) == 0);
    CHECK(places([](Request& r) { r.cpus_total = 200, r.cpus_per_node = 0, r.nodes_max = 0; }) == 1);
}
