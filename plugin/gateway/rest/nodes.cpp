// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "plugin/gateway/rest/errors.h"
#include "plugin/gateway/rest/messages.h"
#include "plugin/slurm/tres.h"

namespace weir::rest {
namespace {

constexpr std::int64_t kMostCpus = 1 << 20;
constexpr std::int64_t kMostMemory = std::int64_t{1} << 40;  // MiB
constexpr int kMostGpus = 1 << 12;

constexpr std::array<std::string_view, 3> kTakesJobs{"IDLE", "MIXED", "ALLOCATED"};

// What a state may carry beside and the node still take jobs; with anything else, unknown words too, it does
// not.
constexpr std::array<std::string_view, 8> kHarmless{
    "CLOUD", "COMPLETING", "DYNAMIC_NORM", "POWERED_DOWN", "POWERING_UP", "POWER_UP", "RESUME", "UNDRAIN"};

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(),
                           [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

bool takes_jobs(const std::vector<std::string>& words) {
    bool up = false;
    for (const std::string& word : words) {
        const std::string state = upper(word);
        const bool base = std::ranges::find(kTakesJobs, state) != kTakesJobs.end();
        if (!base && std::ranges::find(kHarmless, state) == kHarmless.end()) return false;
        up = up || base;
    }
    return up;
}

std::vector<GpuPool> gpus(Fields& fields) {
    std::vector<GpuPool> pools = slurm::parse_gres(fields.text("gres")).pools;
    const std::vector<GpuPool> used = slurm::parse_gres(fields.text("gres_used")).pools;
    for (GpuPool& pool : pools) {
        for (const GpuPool& part : used)
            if (part.type == pool.type) pool.used = std::clamp(part.total, 0, pool.total);
        if (pool.total > kMostGpus) fields.problem("has " + std::to_string(pool.total) + " GPUs");
    }
    std::ranges::sort(pools, {}, &GpuPool::type);
    return pools;
}

// v0.0.36 tells neither what is in use nor whether a node is drained: there is no room that could be counted
// on.
bool is_telling(const Json& object) {
    return !object.is_object() || object.contains("state_flags") || object.contains("alloc_cpus");
}

Answered<Node> one_node(const Json& object) {
    Fields fields(object, "a node");
    Node node;
    node.name = fields.text("name");
    if (node.name.empty()) fields.problem("has no name");
    fields.name("node " + node.name);
    node.cpus = static_cast<int>(fields.number("cpus", 0, kMostCpus).value_or(0));
    node.memory = fields.number("real_memory", 0, kMostMemory).value_or(0);
    if (is_telling(object)) {
        std::vector<std::string> state = fields.words("state");
        if (object.contains("state_flags")) {  // apart from it up to v0.0.38
            const auto flags = fields.words("state_flags");
            state.insert(state.end(), flags.begin(), flags.end());
        }
        node.usable = takes_jobs(state);
        node.cpus_used = static_cast<int>(fields.number("alloc_cpus", 0, kMostCpus).value_or(0));
        node.memory_used = fields.number("alloc_memory", 0, kMostMemory).value_or(0);
        node.partitions = fields.words("partitions");
    } else {
        node.cpus_used = node.cpus;
        node.memory_used = node.memory;
    }
    node.gpus = gpus(fields);
    std::ranges::sort(node.partitions);
    if (!fields.good()) return garbage(fields.problem());
    return node;
}

}  // namespace

Answered<std::vector<Node>> read_nodes(int status, const std::string& body) {
    const auto reply = read_reply(status, body);
    if (!reply) return tl::make_unexpected(reply.error());
    const auto list = reply->find("nodes");
    if (list == reply->end() || !list->is_array()) return garbage("it has no list of nodes");
    std::vector<Node> nodes;
    nodes.reserve(list->size());
    for (const Json& object : *list) {
        auto node = one_node(object);
        if (!node) return tl::make_unexpected(std::move(node.error()));
        nodes.push_back(std::move(*node));
    }
    return nodes;
}

}  // namespace weir::rest
