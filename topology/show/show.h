// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "plugin/result.h"
#include "policies/model/machine.h"

namespace weir::topology {

// A machine for people: its parts by NUMA node, and what lies under one PCIe bridge together; then its
// NVLinks. No line is wider than `width` columns.
std::string to_tree(const Machine& machine, int width);

// The same for programs, whose shape weir(1) tells. What a source does not know is null or left out of its
// list.
nlohmann::json to_json(const Machine& machine);

// Reads what to_json wrote, as an agent serves it.
Result<Machine> from_json(std::string_view text);

// For `dot -Tsvg`.
std::string to_dot(const Machine& machine);

// Lines for Slurm's gres.conf, with Cores= (positions in Machine::cores) and Links= (lanes to each other
// GPU), those of one type next to each other; see gres.conf(5). Where the source knows no device number GPUs
// count by PCI address, as the driver does, and a comment says so.
std::string to_gres_conf(const Machine& machine);

// What gres.conf calls a GPU of this model: "h100" for "NVIDIA H100 80GB HBM3"; where no part of it looks
// like that, all of it in lower case with '_' for blanks, as Slurm's AutoDetect has it; "" for "".
std::string gpu_type(const std::string& model);

// "0-3,8": whole numbers, ascending.
std::string ranges(const std::vector<int>& numbers);

}  // namespace weir::topology
