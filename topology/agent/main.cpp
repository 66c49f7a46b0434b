// SPDX-License-Identifier: GPL-2.0-or-later
// weir-agent: what a compute node is made of and what its GPUs do.
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "topology/agent/measure.h"
#include "topology/agent/once.h"
#include "topology/agent/options.h"
#include "topology/agent/sampler.h"

namespace {

using namespace weir;

// Exit statuses, as weir-agent(8) documents them; 2 is a bad command line.
constexpr int kDone = 0;
constexpr int kFailed = 1;

constexpr std::chrono::seconds kLook{10};  // at most, between two looks at whether there is news for the log

int complain(const std::string& message) {
    std::cerr << "weir-agent: " << message << std::endl;
    return kFailed;
}

int print_sample() {
    auto library = topology::NvmlLibrary::open();
    if (!library) return complain(library.error().message);
    const auto gpus = topology::NvmlSampler(std::move(*library)).sample();
    if (!gpus) return complain(gpus.error().message);
    std::cout << agent::to_table(*gpus);
    return kDone;
}

int print_measurement() {
    const auto report = agent::measure();
    if (!report) return complain(report.error().message);
    std::cout << *report;
    return kDone;
}

// One line a change, whatever the thread that samples is stuck in.
void log_news(const agent::Health& health, agent::Health& known) {
    if (health == known) return;
    known = health;
    spdlog::log(health.good ? spdlog::level::info : spdlog::level::warn, "{}", health.sentence);
}

int serve(const agent::Options& options) {
    const auto logger = spdlog::stderr_logger_mt("weir-agent");
    logger->set_pattern("[%Y-%m-%dT%H:%M:%S.%e] %l: %v");
    spdlog::set_default_logger(logger);

    // Before any thread: every one inherits the mask, and only this one takes signals.
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);

    agent::Board board(options.period, agent::Clock::now());
    agent::Server server(board, options.node);
    const auto listening = server.listen(options.listen);
    if (!listening) return complain(listening.error().message);
    spdlog::info("weir-agent {} of node {} begins; a sample every {} s", WEIR_VERSION, options.node,
                 options.period.count());
    spdlog::info("listening on {}", agent::to_text(*listening));
    const agent::Sampler sampler(board, options.period);
    const timespec look{std::min(options.period, kLook).count(), 0};
    agent::Health known = health_of(board.look(agent::Clock::now()));
    while (sigtimedwait(&signals, nullptr, &look) < 0)
        log_news(health_of(board.look(agent::Clock::now())), known);
    spdlog::info("weir-agent ends");
    logger->flush();
    _exit(kDone);  // a driver that hangs would not let its thread end, and nothing needs tidying
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const auto options = agent::parse_options(argc, argv);
        if (!options) return options.error();
        switch (options->task) {
        case agent::Options::Task::kOnce:
            return print_sample();
        case agent::Options::Task::kMeasure:
            return print_measurement();
        case agent::Options::Task::kServe:
            return serve(*options);
        }
    } catch (const std::exception& error) {
        return complain(error.what());
    }
}
