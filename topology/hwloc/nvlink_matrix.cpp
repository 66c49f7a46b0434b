// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/hwloc/nvlink_matrix.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "topology/xml/attributes.h"

namespace weir::topology {
namespace {

constexpr std::int64_t kMostRows = 1024;
constexpr std::int64_t kMostBandwidth = 100'000'000;  // MB/s

std::vector<std::string> words_of(const pugi::xml_node& matrix, const char* child) {
    std::vector<std::string> words;
    for (const pugi::xml_node& part : matrix.children(child)) {
        std::istringstream text(part.text().get());
        for (std::string word; text >> word;) words.push_back(std::move(word));
    }
    return words;
}

pugi::xml_node matrix_below(const pugi::xml_node& topology) {
    for (const char* name : {"distances2hetero", "distances2"})
        if (const auto found = topology.find_child_by_attribute(name, "name", "NVLinkBandwidth"))
            return found;
    return {};
}

// The gp_index of NVSwitches.
std::set<std::string> switches_below(const pugi::xml_node& topology) {
    std::set<std::string> found;
    for (const auto& each : topology.select_nodes("//object[@type='PCIDev'][@subtype='NVSwitch']"))
        found.insert(each.node().attribute("gp_index").value());
    return found;
}

}  // namespace

int lanes_of(std::int64_t megabytes_per_second) {
    const std::int64_t lane =
        megabytes_per_second % 25'000 != 0 && megabytes_per_second % 20'000 == 0 ? 20'000 : 25'000;
    return static_cast<int>((megabytes_per_second + lane / 2) / lane);
}

std::optional<std::string> NvlinkMatrix::read(const pugi::xml_node& topology) {
    const pugi::xml_node matrix = matrix_below(topology);
    if (!matrix) return std::nullopt;
    const std::string place = document_.place(matrix) + ": NVLinkBandwidth";
    const auto rows = whole_number(matrix.attribute("nbobjs").value());
    if (!rows || *rows < 1 || *rows > kMostRows)
        return place + " has nbobjs=\"" + printable(matrix.attribute("nbobjs").value()).substr(0, 20) +
               "\"; 1 to " + std::to_string(kMostRows) + " would do";
    const std::vector<std::string> indexes = words_of(matrix, "indexes");
    const std::vector<std::string> values = words_of(matrix, "u64values");
    const auto count = static_cast<std::size_t>(*rows);
    if (indexes.size() != count || values.size() != count * count)
        return place + " has " + std::to_string(indexes.size()) + " indexes and " +
               std::to_string(values.size()) + " values for " + std::to_string(count) + " objects";
    const std::set<std::string> switches = switches_below(topology);
    for (const std::string& index : indexes) {
        const std::string number =
            index.substr(index.find(':') + 1);  // "OSDev:802", or "802" where all are of a type
        const auto gpu = gpu_of_.find(number);
        gpus_.push_back(gpu == gpu_of_.end() ? std::nullopt : std::optional(gpu->second));
        switches_.push_back(switches.contains(number) ? 1 : 0);
    }
    for (const std::string& value : values) {
        const auto bandwidth = whole_number(value);
        if (!bandwidth || *bandwidth < 0 || *bandwidth > kMostBandwidth)
            return place + " holds \"" + printable(value.substr(0, 20)) + "\", which is no bandwidth in MB/s";
        values_.push_back(*bandwidth);
    }
    return std::nullopt;
}

std::int64_t NvlinkMatrix::to_switches(std::size_t row) const {
    std::int64_t sum = 0;
    for (std::size_t column = 0; column < gpus_.size(); ++column)
        if (switches_[column] != 0) sum += at(row, column);
    return sum;
}

std::vector<GpuLink> NvlinkMatrix::links() const {
    std::map<std::pair<std::size_t, std::size_t>, GpuLink> found;  // a GPU with two rows counts once
    for (std::size_t row = 0; row < gpus_.size(); ++row) {
        for (std::size_t column = row + 1; column < gpus_.size(); ++column) {
            if (!gpus_[row] || !gpus_[column] || *gpus_[row] == *gpus_[column]) continue;
            const std::int64_t direct = at(row, column);
            const std::int64_t bandwidth =
                direct > 0 ? direct : std::min(to_switches(row), to_switches(column));
            if (bandwidth == 0) continue;
            const auto [a, b] = std::minmax(*gpus_[row], *gpus_[column]);
            found[{a, b}] = {a, b, lanes_of(bandwidth), direct == 0, bandwidth};
        }
    }
    std::vector<GpuLink> links;
    links.reserve(found.size());
    for (const auto& [pair, link] : found) links.push_back(link);
    return links;
}

}  // namespace weir::topology
