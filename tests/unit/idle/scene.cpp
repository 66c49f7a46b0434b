// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/unit/idle/scene.h"

#include <algorithm>

namespace weir::tests {

using namespace std::chrono_literals;

Scene::Scene() {
    rule.name = "idle";
    snapshot.at = Time{1'800'000'000s};
    snapshot.sample_period = 30s;
    snapshot.gpu_windows = policies::gpu_windows({rule});
    Node node;
    node.name = "t1";
    node.gpus = {{"h100", 8, 2}};
    snapshot.nodes = {node};
    snapshot.partitions.resize(1);
    snapshot.partitions[0].name = "train";
    snapshot.partitions[0].nodes = {0};
    Job running;
    running.id = JobId{17};
    running.label = "17";
    running.user = "alice";
    running.account = "research";
    running.qos = "normal";
    running.partitions = {0};
    running.state = JobState::kRunning;
    running.requeueable = true;
    running.started = snapshot.at - 1h;
    running.nodes = {0};
    snapshot.jobs = {running};
    GpuUse gpu;
    gpu.job = running.id;
    gpu.type = "h100";
    gpu.model = "NVIDIA H100 80GB HBM3";
    gpu.power_limit = Watts{700};
    gpu.sampled = snapshot.at - 5s;
    gpu.since_start = {1h, 0, 0, 3, Watts{72}, 1};
    for (const Duration length : snapshot.gpu_windows)
        gpu.windows.push_back({length, 98, 0, 3, Watts{72}, 1});
    snapshot.gpu_uses = {gpu, gpu};
    snapshot.gpu_uses[1].index = 1;
}

GpuWindow& Scene::window(Duration length, std::size_t gpu) {
    return *std::ranges::find(use(gpu).windows, length, &GpuWindow::length);
}

void Scene::set_busy(std::size_t gpu) {
    for (GpuWindow& window : use(gpu).windows) {
        window.utilisation_max = 97;
        window.power_max = Watts{640};
    }
}

GpuVerdict Scene::judge() const {
    return policies::judge(snapshot, snapshot.jobs.front(), snapshot.gpu_uses.front(), rule, types);
}

Plan Scene::decide(Duration then, bool take) {
    Plan plan;
    plan.ledger = snapshot.ledger;
    policies::idle(snapshot, {rule}, types, {"inference"}, plan);
    snapshot.ledger = plan.ledger;
    if (take)
        for (const Step& step : plan.steps) record(snapshot.ledger, step, snapshot.at);
    snapshot.at += then;
    for (GpuUse& gpu : snapshot.gpu_uses) gpu.sampled = snapshot.at - 5s;
    return plan;
}

}  // namespace weir::tests
