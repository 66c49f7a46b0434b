// SPDX-License-Identifier: GPL-2.0-or-later
// weir-measure-gpus: what the GPUs of this machine do, as JSON; weir-agent --measure runs it and reads that.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>

#include "topology/cuda/measure.h"

int main() {
    using nlohmann::json;
    setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 0);  // to count as NVML and Slurm do
    try {
        const int count = weir::cuda::count_gpus();
        json gpus = json::array();
        for (int gpu = 0; gpu < count; ++gpu) {
            const weir::cuda::Speeds speeds = weir::cuda::measure_gpu(gpu);
            gpus.push_back({{"model", speeds.model},
                            {"pci", speeds.pci},
                            {"fp16_tflops", speeds.fp16},
                            {"bf16_tflops", speeds.bf16},
                            {"tf32_tflops", speeds.tf32},
                            {"memory_gigabytes_per_second", speeds.memory}});
        }
        json pairs = json::array();
        for (const weir::cuda::PairSpeed& pair : weir::cuda::measure_pairs(count))
            pairs.push_back({{"from", pair.from}, {"to", pair.to}, {"gigabytes_per_second", pair.speed}});
        std::cout << json{{"gpus", std::move(gpus)}, {"pairs", std::move(pairs)}} << '\n';
        return std::cout.flush() ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << "weir-measure-gpus: " << error.what() << std::endl;
        return 1;
    }
}
