// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/lend/words.h"

#include <algorithm>

namespace weir::policies {
namespace {

std::string counted_gpus(int count, const std::string& type) {
    return counted(count, type.empty() ? "GPU" : type + " GPU");
}

}  // namespace

std::string counted(int count, const std::string& thing) {
    return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

std::string asked(const Request& request) {
    const int nodes = std::max(1, request.nodes_min);
    if (request.gpus_per_node > 0)
        return counted(nodes, "node") + " with " + counted_gpus(request.gpus_per_node, request.gpu_type) +
               (nodes == 1 ? "" : " each");
    if (request.gpus_total > 0) {
        const std::string gpus = counted_gpus(request.gpus_total, request.gpu_type);
        return nodes == 1 ? gpus : gpus + " on " + counted(nodes, "node");
    }
    return counted(nodes, "node");
}

std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t kShown = 8;
    std::string text;
    const std::size_t shown = std::min(names.size(), kShown);
    for (std::size_t i = 0; i < shown; ++i) {
        const bool last = i + 1 == names.size();
        text += (i == 0 ? "" : last ? " and " : ", ") + names[i];
    }
    if (shown < names.size()) text += " and " + std::to_string(names.size() - shown) + " more";
    return text;
}

}  // namespace weir::policies
