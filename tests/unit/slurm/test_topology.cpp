// SPDX-License-Identifier: GPL-2.0-or-later
#include <catch2/catch.hpp>

#include "plugin/slurm/topology.h"

namespace weir::slurm {
namespace {

std::vector<std::pair<std::string, std::string>> units(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> found;
    for (const TopologyUnit& unit : parse_topology(text)) found.emplace_back(unit.name, unit.nodes);
    return found;
}

using Units = std::vector<std::pair<std::string, std::string>>;

TEST_CASE("Of a tree the leaf switches are blocks, and no switch of switches is", "[slurm]") {
    CHECK(units("SwitchName=s0 Level=0 LinkSpeed=1 Nodes=t[1-4]\n"
                "SwitchName=s1 Level=0 LinkSpeed=1 Nodes=t[5-8],i1\n"
                "SwitchName=top Level=1 LinkSpeed=1 Nodes=t[1-8],i1 Switches=s[0-1]\n") ==
          Units{{"s0", "t[1-4]"}, {"s1", "t[5-8],i1"}});
}

TEST_CASE("Blocks are read as Slurm 23.11 and as 26.05 print them, aggregated ones are left out", "[slurm]") {
    CHECK(units("BlockName=b1 BlockIndex=0 Nodes=t[1-18]\nBlockName=b2 BlockIndex=1 Nodes=t[19-36]\n") ==
          Units{{"b1", "t[1-18]"}, {"b2", "t[19-36]"}});
    CHECK(units("BlockName=b1 BlockIndex=0 Nodes=t[1-18] BlockSize=18\n"
                "AggregatedBlock=b[1-2] BlockIndex=2 Nodes=t[1-36] BlockSize=36\n") ==
          Units{{"b1", "t[1-18]"}});
}

TEST_CASE("A topology that is empty, of another kind, without nodes or cut off is no block", "[slurm]") {
    CHECK(units("").empty());
    CHECK(units("\n\n  \n===\n").empty());
    CHECK(units("RingName=r1 Nodes=t[1-4]\n").empty());
    CHECK(units("SwitchName=s0 Level=0 LinkSpeed=1\nBlockName=b1 BlockIndex=0\n").empty());
    CHECK(units("SwitchName=s0 Lev").empty());
    CHECK(units("BlockName=b1 BlockIndex=0 Nodes=t1") == Units{{"b1", "t1"}});
}

}  // namespace
}  // namespace weir::slurm
