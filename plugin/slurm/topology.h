// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::slurm {

// Nodes that are near each other: a leaf switch of topology/tree, or a block of topology/block.
struct TopologyUnit {
    std::string name;
    std::string nodes;  // Slurm's own host list expression
};

// The smallest units in what slurm_print_topo_info_msg() prints, as `scontrol show topology` does: since
// 25.05 it is the only public form. Switches of switches and aggregated blocks are left out, and so is any
// line of another kind.
//   SwitchName=s1 Level=0 LinkSpeed=1 Nodes=t[1-4]
//   BlockName=b1 BlockIndex=0 Nodes=t[1-18] BlockSize=18
std::vector<TopologyUnit> parse_topology(std::string_view text);

}  // namespace weir::slurm
