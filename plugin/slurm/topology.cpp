// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/slurm/topology.h"

#include <map>

namespace weir::slurm {
namespace {

// Cuts off the text before the first `mark`, which goes too.
std::string_view take(std::string_view& text, char mark) {
    const std::string_view part = text.substr(0, text.find(mark));
    text.remove_prefix(part.size() == text.size() ? part.size() : part.size() + 1);
    return part;
}

}  // namespace

std::vector<TopologyUnit> parse_topology(std::string_view text) {
    std::vector<TopologyUnit> units;
    while (!text.empty()) {
        std::string_view line = take(text, '\n');
        std::map<std::string_view, std::string_view> fields;
        while (!line.empty()) {
            std::string_view value = take(line, ' ');
            const std::string_view key = take(value, '=');
            fields[key] = value;
        }
        const bool leaf = fields.contains("SwitchName") && fields["Level"] == "0";
        const std::string_view name = leaf ? fields["SwitchName"] : fields["BlockName"];
        if (!name.empty() && !fields["Nodes"].empty())
            units.push_back({std::string(name), std::string(fields["Nodes"])});
    }
    return units;
}

}  // namespace weir::slurm
