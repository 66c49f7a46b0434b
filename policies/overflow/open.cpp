// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <set>

#include "policies/overflow/work.h"

namespace weir::policies::spill {
namespace {

constexpr Duration kFresh = std::chrono::minutes(2);  // what is known of a site holds for so long
constexpr int kFailures = 3;                          // lately: then one job at a time

std::string problem_of(const Work& work, const SiteWork& there) {
    const auto because = [](const std::string& what, const std::string& why) {
        return why.empty() ? what : what + ": " + why;
    };
    if (there.partition == nullptr) return "there is no partition " + there.site->partition;
    if (!there.partition->up) return "partition " + there.site->partition + " is down";
    if (there.look == nullptr) return "its gateway has not been heard of yet";
    if (!there.look->gateway_answers) return because("its gateway does not answer", there.look->problem);
    if (!there.look->reachable) return because("it does not answer its gateway", there.look->problem);
    const Duration age = work.snapshot.at - there.look->at;
    if (age > kFresh) return "it has not answered its gateway for " + to_text(age);
    return {};
}

bool takes_jobs(const Node& node) {
    return node.state == NodeState::kUp && node.reservation.empty();
}

void open_gateway(const Work& work, SiteWork& there) {
    std::set<std::string> types;
    for (const NodeIndex index : there.partition->nodes) {
        const Node& node = work.snapshot.nodes[index];
        for (const GpuPool& pool : node.gpus)
            if (pool.total > 0 && node.state != NodeState::kDown) types.insert(pool.type);
        if (!takes_jobs(node)) continue;
        for (SiteRoom& room : rooms_of(node)) there.here.add(std::move(room));
    }
    there.gpu_types.assign(types.begin(), types.end());
}

// What a job that runs on gateway nodes will take at the site.
Ask ask_of_running(const Job& job) {
    Ask ask;
    ask.nodes = std::max(1, static_cast<int>(job.nodes.size()));
    ask.cpus = std::max(1, job.cpus / ask.nodes);
    ask.memory = job.memory / ask.nodes;
    ask.gpus = static_cast<int>(job.gpus.value) / ask.nodes;
    ask.gpu_type = job.gpu_type;
    return ask;
}

// Jobs that have been sent and do not run there yet.
struct Sent {
    int waiting = 0;
    int untold = 0;   // of these, those that the gateway does not tell of yet
    bool fit = true;  // all of them, in what is free there
};

// They take room that the site still counts as free.
Sent take_room_of_sent(const Work& work, SiteWork& there) {
    Sent sent;
    const auto take = [&](const Job* job) {
        ++sent.waiting;
        if (job == nullptr) return;
        const bool lost_its_node = job->state == JobState::kPending;
        sent.fit =
            there.there.take(lost_its_node ? ask_there(there, *job) : ask_of_running(*job)) && sent.fit;
    };
    for (const RemoteRun& run : there.look->runs) {
        const bool on_its_way = run.stage == RunStage::kStaging || run.stage == RunStage::kSubmitting ||
                                run.stage == RunStage::kWaiting;
        if (on_its_way && !run.withdrawn) take(work.snapshot.job(run.job));
    }
    // Those that have just started here, too, and that the gateway does not tell of yet.
    for (const Nomination& one : work.memory().nominations) {
        if (one.site != there.site->name || !one.started_with || one.settled || one.back) continue;
        if (std::ranges::binary_search(there.look->runs, one.job, {}, &RemoteRun::job)) continue;
        const Job* job = work.snapshot.job(one.job);
        if (job == nullptr || job->nodes.empty()) continue;
        ++sent.untold;
        take(job);
    }
    return sent;
}

void throttle(SiteWork& there, const Sent& sent) {
    const SiteLook& look = *there.look;
    const auto limit = [&](int more, std::string why) {
        if (more >= there.more) return;
        there.more = std::max(0, more);
        there.throttle = std::move(why);
    };
    there.more = std::max(0, there.site->max_jobs - static_cast<int>(look.runs.size()) - sent.untold);
    if (there.more == 0) there.throttle = why_full(there);
    if (!sent.fit) limit(0, "jobs that have been sent there wait for room");
    if (look.failures >= kFailures)
        limit(1 - sent.waiting, std::to_string(look.failures) +
                                    " submissions there have failed lately, so one job at a time goes there");
    if (2 * look.typical_wait > there.site->max_remote_wait)
        limit(1 - sent.waiting, "jobs sent there lately have waited " + to_text(look.typical_wait) +
                                    " there, so one goes there when none waits");
}

}  // namespace

std::string why_full(const SiteWork& there) {
    return !there.throttle.empty() ? there.throttle
                                   : "max_jobs is " + std::to_string(there.site->max_jobs) +
                                         ", and so many are there or may start there";
}

void open_sites(Work& work) {
    for (SiteWork& there : work.sites) {
        there.problem = problem_of(work, there);
        if (there.partition != nullptr) open_gateway(work, there);
        if (there.look == nullptr) continue;
        there.latency = std::max<std::chrono::microseconds>(there.site->latency, there.look->round_trip);
        for (const SiteRoom& room : there.look->rooms) there.there.add(room);
        throttle(there, take_room_of_sent(work, there));
    }
}

}  // namespace weir::policies::spill
