// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/gateway/relay/variables.h"

#include <algorithm>

namespace weir::gateway {

std::string variable(const std::string& block, const std::string& name) {
    const std::string wanted = name + "=";
    for (std::size_t at = 0; at < block.size();) {
        const auto end = std::min(block.find('\0', at), block.size());
        if (block.compare(at, wanted.size(), wanted) == 0)
            return block.substr(at + wanted.size(), end - at - wanted.size());
        at = end + 1;
    }
    return {};
}

std::vector<std::string> comma_list(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find(',', at), text.size());
        if (end > at) parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return parts;
}

}  // namespace weir::gateway
