// SPDX-License-Identifier: GPL-2.0-or-later
// B4: how much of a cluster's GPUs is in use once tasks are turned away, with and without moves that make
// room.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>

#include "tests/bench/fragmentation/report.h"

namespace {

using namespace weir::bench;
using Clock = std::chrono::steady_clock;

// What is to be run, and where to.
struct Request {
    std::vector<std::string> lists;  // empty: all
    std::vector<std::string> arms{"bestfit", "bestfit+30", "bestfit+100", "fgd", "fgd+30", "fgd+100"};
    unsigned seeds = 10, first_seed = 42;
    unsigned threads = 2;
    std::string json, placements;
    Rules rules;
};

Arm arm_of(const std::string& name) {
    for (const std::string placement : {"bestfit", "fgd"})
        for (const int movable : {0, 30, 100})
            if (Arm arm{placement, movable}; arm.name() == name) return arm;
    throw std::runtime_error("no arm " + name + "; there are bestfit, fgd, and each with +30 or +100");
}

std::vector<const TaskList*> lists_of(const Trace& trace, const std::vector<std::string>& names) {
    std::vector<const TaskList*> lists;
    if (names.empty())
        for (const TaskList& list : trace.lists) lists.push_back(&list);
    for (const std::string& name : names) {
        const auto found = std::ranges::find(trace.lists, name, &TaskList::name);
        if (found == trace.lists.end()) throw std::runtime_error("no list " + name + " in the data");
        lists.push_back(&*found);
    }
    return lists;
}

Outcome run_one(const Trace& trace, const TaskList& list, const Arm& arm, unsigned seed,
                const Request& request) {
    if (request.placements.empty()) return replay(trace, list, arm, seed, request.rules, nullptr);
    Record record(
        fmt::format("{}/{}-{}-{}-{}.csv.gz", request.placements, list.name, arm.placement, arm.movable, seed),
        trace.nodes);
    const Outcome outcome = replay(trace, list, arm, seed, request.rules, &record);
    record.close();
    return outcome;
}

// The seeds are shared out among threads; what comes out does not depend on how many there are.
Result run_arm(const Trace& trace, const TaskList& list, const Arm& arm, const Request& request) {
    Result result{list.name, arm, std::vector<Outcome>(request.seeds)};
    std::atomic<unsigned> next{0};
    const auto work = [&] {
        for (unsigned i = next++; i < request.seeds; i = next++)
            result.outcomes[i] = run_one(trace, list, arm, request.first_seed + i, request);
    };
    std::vector<std::future<void>> workers;
    for (unsigned i = 0; i < request.threads; ++i) workers.push_back(std::async(std::launch::async, work));
    for (auto& worker : workers) worker.get();
    return result;
}

void run(const Request& request) {
    const auto begin = Clock::now();
    std::vector<Arm> arms;
    for (const std::string& name : request.arms) arms.push_back(arm_of(name));
    const char* data = std::getenv("WEIR_DATA");
    const Trace trace = read_trace(data != nullptr ? data : WEIR_BENCH_DATA);
    const auto lists = lists_of(trace, request.lists);
    if (!request.placements.empty()) std::filesystem::create_directories(request.placements);
    fmt::print("{} nodes, {} GPUs; tasks that ask for 1.3 times these; means of {} seeds from {}\n",
               trace.nodes.size(), trace.gpu_thousandths() / kWholeGpu, request.seeds, request.first_seed);
    print_heading();
    std::vector<Result> results;
    for (const TaskList* list : lists) {
        for (const Arm& arm : arms) {
            results.push_back(run_arm(trace, *list, arm, request));
            print(results.back());
        }
    }
    fmt::print("in {:.0f} s\n", std::chrono::duration<double>(Clock::now() - begin).count());
    if (!request.json.empty() &&
        !(std::ofstream(request.json) << json_of(results, request.rules).dump(2) << "\n"))
        throw std::runtime_error("cannot write " + request.json);
}

}  // namespace

int main(int argc, char** argv) {
    Request request;
    Rules& rules = request.rules;
    CLI::App app{"B4: GPUs in use on a full cluster, with and without moves that make room (data: openb)"};
    app.add_option("--json", request.json, "where the figures go, too");
    app.add_option("--placements", request.placements,
                   "folder for what happens in each run (verify.py reads it)");
    app.add_option("--lists", request.lists, "those of the data to run; all")->delimiter(',');
    app.add_option("--arms", request.arms, "bestfit, bestfit+30, bestfit+100, fgd, ...; all")->delimiter(',');
    app.add_option("--seeds", request.seeds, "how many, from 42 on")->check(CLI::Range(1, 1000));
    app.add_option("--first-seed", request.first_seed, "another one to begin with");
    app.add_option("--threads", request.threads, "for the seeds")->check(CLI::Range(1, 64));
    app.add_option("--per-move", rules.per_move, "price of a move beside the GPU thousandths that it moves");
    app.add_option("--worth", rules.worth, "what a GPU thousandth that is gained may cost");
    app.add_option("--least", rules.least, "GPU thousandths of a task for which others are moved");
    app.add_option("--moves", rules.moves, "at most, for one arriving task")->check(CLI::Range(1, 64));
    app.add_option("--chain", rules.chain, "how many tasks may each make room for another in turn");
    app.add_option("--steps", rules.steps, "of one search");
    app.add_option("--per-thousand", rules.per_thousand, "moves at most, of 1,000 tasks");
    app.option_defaults()->always_capture_default();
    CLI11_PARSE(app, argc, argv);
    try {
        run(request);
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench_fragmentation: {}\n", error.what());
        return 1;
    }
    return 0;
}
