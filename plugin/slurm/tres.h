// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policies/model/snapshot.h"

namespace weir::slurm {

// What a GRES request or a node's GRES string says about GPUs.
struct GpuCounts {
    std::vector<GpuPool> pools;  // by type, in `total`; `used` is 0
    bool other_gres = false;     // names a GRES that is not a GPU
};

// Reads Slurm's strings for generic resources in all their spellings, 22.05 to 26.05:
//   requests  "gres:gpu:2" "gres:gpu:h100:2" "gres/gpu:h100=2" "gres/gpu:h100:2" "gpu:h100:4(S:0-1)"
//   nodes     "gpu:h100:8(S:0-1),nic:2"     in use  "gpu:h100:3(IDX:0,2-3)"
// A GPU without a number counts as one. Null and empty say nothing. Numbers may carry K, M (times 1024).
GpuCounts parse_gres(std::string_view text);

// GPUs of one type that a job holds on a node.
struct GpuIndices {
    std::string type;
    std::vector<int> indices;  // Slurm's IDX, ascending

    bool operator==(const GpuIndices&) const = default;
};

// Reads a job's allocation on one node: "gpu:h100:2(IDX:0-1),gpu:a100:1(IDX:4)". GPUs without an IDX, which
// have no device file, are left out, as is what cannot be read.
std::vector<GpuIndices> parse_gpu_indices(std::string_view text);

// What a job holds, over all its nodes. Memory in MiB.
struct Allocation {
    int cpus = 0;
    std::int64_t memory = 0;
    int gpus = 0;
    std::string gpu_type;  // empty: not told, or several

    bool operator==(const Allocation&) const = default;
};

// Reads "cpu=8,mem=4G,node=1,billing=8,gres/gpu=2,gres/gpu:h100=2", in which the untyped entry is the sum of
// the typed. What cannot be read counts as nothing.
Allocation parse_allocation(std::string_view text);

// The sum over all types.
int total_gpus(const std::vector<GpuPool>& pools);

// How many tasks "3-7,9,20-30:2%4" or "0-4" holds; 0 if it cannot be read.
int count_array_tasks(std::string_view text);

}  // namespace weir::slurm
