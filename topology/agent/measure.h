// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/result.h"
#include "policies/model/machine.h"

namespace weir::agent {

// What weir-measure-gpus found of a GPU.
struct MeasuredGpu {
    std::string model;
    std::optional<PciAddress> address;
    double fp16 = 0;  // TFLOP/s of matrix products
    double bf16 = 0;
    double tf32 = 0;
    double memory = 0;  // GB/s, read and written
};

// A copy from one GPU, by its position, to another.
struct MeasuredPair {
    std::size_t from = 0;
    std::size_t to = 0;
    double speed = 0;  // GB/s
};

struct Measured {
    std::vector<MeasuredGpu> gpus;
    std::vector<MeasuredPair> pairs;
};

// The JSON that weir-measure-gpus prints.
Result<Measured> parse_measured(std::string_view text);

using IdlePower = std::map<PciAddress, double>;  // watts of GPUs with no process, before they were measured

// A table for people, and below it `gpu_types:` as weir.yaml takes it, with speeds relative to the first
// type.
std::string to_report(const Measured& measured, const IdlePower& idle);

// Measures all GPUs of this machine, which takes some seconds of each, and reports.
Result<std::string> measure();

}  // namespace weir::agent
