// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policies/consolidate/packing.h"

// The openb trace: the nodes of Alibaba's cluster and lists of the tasks that came to it.
namespace weir::bench {

using namespace policies::consolidation;

// A node with GPUs. CPUs in thousandths, memory in MiB.
struct Node {
    std::string serial;
    std::int64_t cpus = 0;
    std::int64_t memory = 0;
    int gpus = 0;
    std::string model;
};

// What tasks that are alike ask for, and which nodes may have them.
struct Shape {
    Size size;
    std::string models;  // of GPU, separated by |; empty: any
    BinFlags allowed;    // by node
};

struct Task {
    std::string name;
    std::size_t shape = 0;
};

// A list of tasks, and each shape that is in it once.
struct TaskList {
    std::string name;  // what follows openb_pod_list_
    std::vector<Task> tasks;
    std::vector<Shape> shapes;

    const Size& size_of(const Task& task) const { return shapes[task.shape].size; }
};

struct Trace {
    std::vector<Node> nodes;
    std::vector<TaskList> lists;  // by name

    std::int64_t gpu_thousandths() const;
};

// Reads the folder `openb` of the data: its nodes and every list that is there. Throws what is missing or
// malformed, and where.
Trace read_trace(const std::string& data);

// Whether a GPU of that model is among those.
bool serves(const std::string& models, const std::string& model);

}  // namespace weir::bench
