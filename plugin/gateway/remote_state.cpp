// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/remote_state.h"

#include <algorithm>
#include <csignal>

namespace weir::gateway {

std::optional<Outcome> outcome_of(const rest::Job& job, const std::string& site) {
    using rest::State;
    if (!rest::ended(job.state)) return std::nullopt;
    const std::string at = " at " + site;
    switch (job.state) {
    case State::kCompleted:
    case State::kFailed:
        return Outcome{
            job.exit_code, job.signal, false, false,
            job.signal == SIGXFSZ ? "a file of it could not grow" + at + ": no room, or over a limit" : ""};
    case State::kTimeout:
        return Outcome{0, SIGTERM, true, false, "its time limit has ended it" + at};
    case State::kOutOfMemory:
        return Outcome{job.exit_code, job.signal != 0 ? job.signal : SIGKILL, false, false,
                       "out of memory" + at};
    case State::kCancelled:
        return Outcome{0, SIGTERM, false, false, "it was cancelled" + at};
    case State::kNodeFail:
    case State::kBootFail:
    case State::kPreempted:
        return Outcome{1, 0, false, true, std::string("ended") + at + " (" + rest::to_text(job.state) + ")"};
    default:
        return Outcome{1, 0, false, false, std::string("ended") + at + " (" + rest::to_text(job.state) + ")"};
    }
}

std::vector<SiteRoom> rooms_of(const std::vector<rest::Node>& nodes, const std::string& partition) {
    std::vector<SiteRoom> rooms;
    for (const rest::Node& node : nodes) {
        if (!node.usable) continue;
        if (!partition.empty() && !std::ranges::binary_search(node.partitions, partition)) continue;
        SiteRoom room{1, node.cpus - node.cpus_used, node.memory - node.memory_used, "", 0};
        for (const GpuPool& pool : node.gpus) {
            if (pool.total <= 0) continue;
            room.gpu_type = pool.type;
            room.gpus = pool.total - pool.used;
        }
        const auto same = std::ranges::find_if(rooms, [&](SiteRoom other) {
            other.nodes = 1;
            return other == room;
        });
        if (same != rooms.end())
            ++same->nodes;
        else
            rooms.push_back(room);
    }
    return rooms;
}

}  // namespace weir::gateway
