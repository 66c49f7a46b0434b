// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <string>
#include <vector>

namespace weir::cuda {

// What one GPU does in about two seconds of work.
struct Speeds {
    std::string model;
    std::string pci;  // "0000:3B:00.0"
    double fp16 = 0;  // TFLOP/s of matrix products on tensor cores, accumulated in 32 bits
    double bf16 = 0;
    double tf32 = 0;
    double memory = 0;  // GB/s of device memory, read and written counted both
};

struct PairSpeed {
    int from = 0;
    int to = 0;
    double speed = 0;  // GB/s
};

// How many GPUs there are. All these throw std::runtime_error with CUDA's words.
int count_gpus();
Speeds measure_gpu(int gpu);

// Copies from each GPU to each other one, over NVLink or PCIe as they are joined.
std::vector<PairSpeed> measure_pairs(int gpus);

}  // namespace weir::cuda
