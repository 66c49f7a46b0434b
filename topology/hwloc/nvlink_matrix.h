// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policies/model/machine.h"
#include "topology/xml/document.h"

namespace weir::topology {

// hwloc's matrix of NVLink bandwidth: rows and columns are GPUs, NVSwitches and, on POWER, packages; in MB/s.
class NvlinkMatrix {
  public:
    // `gpu_of`: the position of a GPU, by the gp_index of each of its objects.
    NvlinkMatrix(const Document& document, const std::map<std::string, std::size_t>& gpu_of)
        : document_(document), gpu_of_(gpu_of) {}

    // Reads it from below <topology>, if it is there; returns what is wrong with it.
    std::optional<std::string> read(const pugi::xml_node& topology);

    std::vector<GpuLink> links() const;

  private:
    std::int64_t at(std::size_t row, std::size_t column) const {
        return values_[row * gpus_.size() + column];
    }
    std::int64_t to_switches(std::size_t row) const;

    const Document& document_;
    const std::map<std::string, std::size_t>& gpu_of_;
    std::vector<std::optional<std::size_t>> gpus_;  // by row: which GPU it is
    std::vector<char> switches_;                    // by row: whether it is an NVSwitch
    std::vector<std::int64_t> values_;              // row by row
};

// Lanes that make up a bandwidth: one carries 20,000 MB/s one way in the first generation of NVLink (P100),
// 25,000 in the second to fourth (V100 to H100), which is what hwloc's NVML backend counts with too.
int lanes_of(std::int64_t megabytes_per_second);

}  // namespace weir::topology
