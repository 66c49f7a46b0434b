// SPDX-License-Identifier: GPL-2.0-or-later
// How long one round of asking many agents takes, and what the history of their GPUs costs each cycle.
// The agents are one local server that answers for every address of 127.0.0.0/8, in a process of its own.
#include <fmt/core.h>
#include <httplib.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <thread>

#include "plugin/observe/telemetry/telemetry.h"

namespace {

using namespace weir;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kGpus = 8;
constexpr int kPort = 29810;

// What weir-agent says of a node, by kind and number of series; the node's name is its address's.
std::string exposition() {
    std::string text;
    for (const char* metric :
         {"DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_MEM_COPY_UTIL", "DCGM_FI_DEV_POWER_USAGE",
          "DCGM_FI_DEV_POWER_MGMT_LIMIT", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_FB_FREE",
          "DCGM_FI_DEV_SM_CLOCK", "DCGM_FI_DEV_MEM_CLOCK", "DCGM_FI_DEV_GPU_TEMP",
          "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", "DCGM_FI_DEV_XID_ERRORS",
          "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "weir_gpu_processes", "weir_gpu_lost", "weir_gpu_mig"}) {
        for (int gpu = 0; gpu < kGpus; ++gpu)
            text += fmt::format(
                "{}{{gpu=\"{}\",UUID=\"GPU-8c4b1c1e-6f0e-4d5a-9f6d-{:012}\",pci_bus_id=\"00000000:{:02X}:00."
                "0\","
                "device=\"nvidia{}\",modelName=\"NVIDIA H100 80GB HBM3\",Hostname=\"@NODE@\"}} {}\n",
                metric, gpu, gpu, gpu + 1, gpu, gpu * 12);
    }
    return text;
}

[[noreturn]] void serve(int ready) {
    const std::string text = exposition();
    httplib::Server server;
    server.new_task_queue = [] { return new httplib::ThreadPool(4); };
    server.Get("/metrics", [&](const httplib::Request& request, httplib::Response& response) {
        std::string node = request.get_header_value("Host");
        node.resize(std::min(node.find(':'), node.size()));
        for (char& c : node)
            if (c == '.') c = '-';
        std::string body = text;
        for (std::size_t at = 0; (at = body.find("@NODE@", at)) != std::string::npos;)
            body.replace(at, 6, node);
        response.set_content(body, "text/plain; version=0.0.4");
    });
    if (!server.bind_to_port("0.0.0.0", kPort)) _exit(1);
    std::thread tell([&] {
        while (!server.is_running()) std::this_thread::yield();
        if (write(ready, "r", 1) != 1) _exit(1);
    });
    server.listen_after_bind();
    _exit(0);
}

double cpu_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// All GPUs of `nodes` nodes, each held by a job of its node.
Snapshot busy_cluster(const std::vector<observe::AgentHost>& hosts, Time at) {
    Snapshot snapshot;
    snapshot.at = at;
    snapshot.gpu_windows = {15min, 20min, 30min};
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        Node node;
        node.name = hosts[i].node;
        node.gpus = {{"h100", kGpus, kGpus}};
        snapshot.nodes.push_back(std::move(node));
        Job job;
        job.id = JobId{static_cast<std::uint32_t>(i + 1)};
        job.state = JobState::kRunning;
        job.started = at - 2h;
        snapshot.jobs.push_back(std::move(job));
        for (int gpu = 0; gpu < kGpus; ++gpu) {
            GpuUse use;
            use.job = snapshot.jobs.back().id;
            use.node = static_cast<NodeIndex>(i);
            use.index = gpu;
            snapshot.gpu_uses.push_back(std::move(use));
        }
    }
    return snapshot;
}

void measure_history(const std::vector<observe::AgentHost>& hosts) {
    observe::GpuHistory history;
    history.set_up(30min, 30s);
    const Time now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    const auto begin = Clock::now();
    for (int sample = 60; sample > 0; --sample) {
        for (const auto& host : hosts) {
            for (int gpu = 0; gpu < kGpus; ++gpu) {
                observe::GpuReading reading;
                reading.node = host.node;
                reading.device = gpu;
                reading.at = now - sample * 30s;
                reading.utilisation = gpu;
                reading.power = Watts{70};
                history.record(reading);
            }
        }
    }
    const auto filled = Clock::now();
    Snapshot snapshot = busy_cluster(hosts, now);
    const auto look = Clock::now();
    history.look(snapshot);
    const auto done = Clock::now();
    const auto ms = [](auto time) { return std::chrono::duration<double, std::milli>(time).count(); };
    fmt::print(
        "history of {} GPUs, 60 samples each: {:.0f} ms a round to record, {:.0f} ms a cycle to look\n",
        history.gpus(), ms(filled - begin) / 60, ms(done - look));
}

}  // namespace

int main(int argc, char** argv) {
    int nodes = 5000;
    CLI::App app{"bench_telemetry: a round of asking agents, and the history of their GPUs"};
    app.add_option("--nodes", nodes, "how many")->check(CLI::Range(1, 60000));
    CLI11_PARSE(app, argc, argv);

    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return 1;
    const pid_t server = fork();
    if (server == 0) serve(pipe_ends[1]);
    char byte = 0;
    if (read(pipe_ends[0], &byte, 1) != 1) return 1;

    std::vector<observe::AgentHost> hosts;
    for (int i = 0; i < nodes; ++i) {
        const std::string address = fmt::format("127.2.{}.{}", i / 250, i % 250 + 1);
        std::string name = address;
        for (char& c : name)
            if (c == '.') c = '-';
        hosts.push_back({name, address});
    }
    {
        observe::Telemetry telemetry;
        telemetry.use(hosts);
        const double before = cpu_seconds();
        telemetry.use(observe::TelemetrySource{"", "", kPort, 1h, 30min});
        while (!telemetry.state().at) std::this_thread::sleep_for(10ms);
        const auto state = telemetry.state();
        fmt::print("{} agents asked in {:.2f} s, {:.2f} s of it on the CPU; {} GPUs heard of{}\n", nodes,
                   state.seconds, cpu_seconds() - before, state.gpus,
                   state.problem.empty() ? "" : "; " + state.problem);
    }
    kill(server, SIGTERM);
    waitpid(server, nullptr, 0);
    measure_history(hosts);
    return 0;
}
