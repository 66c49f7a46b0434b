// SPDX-License-Identifier: GPL-2.0-or-later
// What job_submit_weir.so adds to a submission in slurmctld: calls it as slurmctld does, with a heartbeat of
// many rules, and prints microseconds a call. slurmctld's own symbols stand below.
#include <dlfcn.h>
#include <slurm/slurm.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <vector>

#include "plugin/job_submit/heartbeat.h"

extern "C" {
__attribute__((visibility("default"))) slurm_conf_t slurm_conf{};
__attribute__((visibility("default"))) void* find_resv_name(char* /*name*/) {
    return &slurm_conf;
}
}

namespace {

using namespace weir::job_submit;
using Clock = std::chrono::steady_clock;
using Submit = int (*)(job_desc_msg_t*, std::uint32_t, char**);

std::string heartbeat_of(int rules) {
    Heartbeat heartbeat{std::time(nullptr), weir::Duration(3600), {}};
    for (int i = 0; i < rules; ++i)
        heartbeat.rules.push_back({"p" + std::to_string(i),
                                   "weir_p" + std::to_string(i),
                                   false,
                                   {},
                                   {},
                                   {{16, 64, 512000, {{"h100", 8, 0}}}}});
    return to_text(heartbeat);
}

// Microseconds of each of so many calls, ascending.
std::vector<double> measure(Submit submit, int calls, int rules, bool options) {
    std::string notice = "WEIR_NOTICE=TERM@60", checkpoint = "WEIR_CHECKPOINT=USR1@60,every=10m,reload=30s";
    std::string partition = "p" + std::to_string(rules - 1), script = "#!/bin/sh\n";
    std::vector<double> times;
    for (int i = 0; i < calls; ++i) {
        job_desc_msg_t job;
        slurm_init_job_desc_msg(&job);
        char* words[] = {notice.data(), checkpoint.data()};
        job.spank_job_env = words;
        job.spank_job_env_size = options ? 2 : 0;
        job.partition = partition.data();
        job.script = script.data();
        char* message = nullptr;
        const auto start = Clock::now();
        const int status = submit(&job, 1000, &message);
        times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
        if (status != SLURM_SUCCESS || job.reservation == nullptr)
            throw std::runtime_error("it did not work");
    }
    std::ranges::sort(times);
    return times;
}

int run(const std::string& plugin, int calls, int rules) {
    void* library = dlopen(plugin.c_str(), RTLD_LAZY);
    if (library == nullptr) throw std::runtime_error(dlerror());
    const auto submit = reinterpret_cast<Submit>(dlsym(library, "job_submit"));
    const auto state = std::filesystem::temp_directory_path() / ("weir-bench-" + std::to_string(getpid()));
    std::filesystem::create_directories(state / "weir");
    std::string place = state;
    slurm_conf.state_save_location = place.data();
    slurm_conf.job_requeue = 1;
    std::ofstream(heartbeat_path(state)) << heartbeat_of(rules);
    for (const bool options : {false, true}) {
        const auto times = measure(submit, calls, rules, options);
        std::printf("%s options, %d rules: %.1f us a job (median), %.1f us (p99)\n",
                    options ? "with" : "without", rules, times[times.size() / 2],
                    times[times.size() * 99 / 100]);
    }
    std::filesystem::remove_all(state);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::string plugin = "build/dev/lib/job_submit_weir.so";
    int calls = 20000, rules = 20;
    CLI::App app{"what job_submit_weir adds to a submission"};
    app.add_option("--plugin", plugin, "the shared object");
    app.add_option("--calls", calls)->check(CLI::PositiveNumber);
    app.add_option("--rules", rules, "of the heartbeat")->check(CLI::Range(1, 100));
    CLI11_PARSE(app, argc, argv);
    try {
        return run(plugin, calls, rules);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench_submit: %s\n", error.what());
        return 1;
    }
}
