// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/cuda/measure.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <type_traits>

namespace weir::cuda {
namespace {

constexpr int kSide = 8192;  // of the square matrices: large enough for every GPU so far
constexpr std::size_t kCopied = std::size_t{1} << 30;      // bytes
constexpr std::size_t kPeerCopied = std::size_t{1} << 28;  // bytes
constexpr std::size_t kDrawn = std::size_t{1} << 24;       // bytes of numbers drawn, over and over
constexpr float kWarmUp = 100;                             // milliseconds, in which clocks rise
constexpr float kWork = 350;                               // milliseconds, that are measured
constexpr float kPeerWork = 50;                            // milliseconds, of a pair

void check(cudaError_t error, const char* what) {
    if (error != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(error));
}

void check(cublasStatus_t status, const char* what) {
    if (status != CUBLAS_STATUS_SUCCESS)
        throw std::runtime_error(std::string(what) + ": " + cublasGetStatusString(status));
}

struct Free {
    void operator()(void* memory) const { cudaFree(memory); }
};
using DeviceMemory = std::unique_ptr<void, Free>;

DeviceMemory allocate(std::size_t bytes) {
    void* memory = nullptr;
    check(cudaMalloc(&memory, bytes), "device memory");
    return DeviceMemory(memory);
}

// Numbers of either sign, which are finite whatever type they are read as. Zeros would make a GPU look faster
// than it is: it draws less power for them, so that its clocks stay high.
DeviceMemory allocate_numbers(std::size_t bytes) {
    std::vector<std::uint16_t> numbers(kDrawn / sizeof(std::uint16_t));
    std::minstd_rand random(1);
    for (std::uint16_t& number : numbers)
        number = static_cast<std::uint16_t>(((random() >> 8U) & 0x83FFU) | 0x3C00U);  // fp16: 1 to 2
    DeviceMemory memory = allocate(bytes);
    for (std::size_t at = 0; at < bytes; at += kDrawn)
        check(cudaMemcpy(static_cast<char*>(memory.get()) + at, numbers.data(), std::min(kDrawn, bytes - at),
                         cudaMemcpyHostToDevice),
              "copy to the GPU");
    return memory;
}

struct DestroyEvent {
    void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
};
using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, DestroyEvent>;

Event make_event() {
    cudaEvent_t event = nullptr;
    check(cudaEventCreate(&event), "event");
    return Event(event);
}

// Milliseconds of `times` pieces of work in a row, by the GPU's own clock.
float time_of(const std::function<void()>& work, int times) {
    const Event begun = make_event();
    const Event ended = make_event();
    check(cudaEventRecord(begun.get()), "event");
    for (int done = 0; done < times; ++done) work();
    check(cudaEventRecord(ended.get()), "event");
    check(cudaEventSynchronize(ended.get()), "work on the GPU");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begun.get(), ended.get()), "event");
    return std::max(milliseconds, 0.001F);
}

// Seconds that one piece of work takes, by as many as fill `enough` milliseconds.
double seconds_each(const std::function<void()>& work, float warm_up, float enough) {
    const auto times_for = [](float wanted, float one) {
        return std::max(1, static_cast<int>(wanted / one));
    };
    time_of(work, 1);  // loads and chooses kernels
    const float first = time_of(work, 1);
    const int warm = times_for(warm_up, first);
    const float each = time_of(work, warm) / static_cast<float>(warm);
    const int times = times_for(enough, each);
    return time_of(work, times) / 1000.0 / times;
}

struct Blas {
    cublasHandle_t handle = nullptr;
    Blas() { check(cublasCreate(&handle), "cuBLAS"); }
    ~Blas() { cublasDestroy(handle); }
    Blas(const Blas&) = delete;
    Blas& operator=(const Blas&) = delete;
};

// TFLOP/s.
double measure_products(const Blas& blas, const std::array<DeviceMemory, 3>& matrices, cudaDataType_t type,
                        cublasComputeType_t compute) {
    const float one = 1;
    const float zero = 0;
    const auto multiply = [&] {
        check(cublasGemmEx(blas.handle, CUBLAS_OP_N, CUBLAS_OP_T, kSide, kSide, kSide, &one,
                           matrices[0].get(), type, kSide, matrices[1].get(), type, kSide, &zero,
                           matrices[2].get(), type, kSide, compute, CUBLAS_GEMM_DEFAULT),
              "matrix product");
    };
    constexpr double kOperations = 2.0 * kSide * kSide * kSide;
    return kOperations / seconds_each(multiply, kWarmUp, kWork) / 1e12;
}

double measure_memory() {
    const DeviceMemory from = allocate(kCopied);
    const DeviceMemory to = allocate(kCopied);
    const auto copy = [&] {
        check(cudaMemcpyAsync(to.get(), from.get(), kCopied, cudaMemcpyDeviceToDevice), "copy");
    };
    return 2.0 * kCopied / seconds_each(copy, kWarmUp, kWork) / 1e9;
}

// Without direct access the copy goes through the host, which is what it then would in a job, too.
double measure_pair(int from, int to) {
    check(cudaSetDevice(to), "GPU");
    const DeviceMemory target = allocate(kPeerCopied);
    check(cudaSetDevice(from), "GPU");
    const DeviceMemory source = allocate(kPeerCopied);
    int direct = 0;
    check(cudaDeviceCanAccessPeer(&direct, from, to), "access to a peer");
    if (direct != 0 && cudaDeviceEnablePeerAccess(to, 0) == cudaErrorPeerAccessAlreadyEnabled)
        cudaGetLastError();
    const auto copy = [&] {
        check(cudaMemcpyPeerAsync(target.get(), to, source.get(), from, kPeerCopied, nullptr),
              "copy to a peer");
    };
    return static_cast<double>(kPeerCopied) / seconds_each(copy, kPeerWork, kPeerWork) / 1e9;
}

}  // namespace

int count_gpus() {
    int count = 0;
    check(cudaGetDeviceCount(&count), "no GPU that CUDA can use");
    return count;
}

Speeds measure_gpu(int gpu) {
    check(cudaSetDevice(gpu), "GPU");
    Speeds speeds;
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, gpu), "GPU");
    speeds.model = properties.name;
    std::array<char, 32> pci{};
    check(cudaDeviceGetPCIBusId(pci.data(), static_cast<int>(pci.size()), gpu), "PCI address");
    speeds.pci = pci.data();
    {
        const Blas blas;
        constexpr std::size_t kBytes = sizeof(float) * kSide * kSide;
        const std::array<DeviceMemory, 3> matrices{allocate_numbers(kBytes), allocate_numbers(kBytes),
                                                   allocate(kBytes)};
        speeds.fp16 = measure_products(blas, matrices, CUDA_R_16F, CUBLAS_COMPUTE_32F);
        speeds.bf16 = measure_products(blas, matrices, CUDA_R_16BF, CUBLAS_COMPUTE_32F);
        speeds.tf32 = measure_products(blas, matrices, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32);
    }
    speeds.memory = measure_memory();
    return speeds;
}

std::vector<PairSpeed> measure_pairs(int gpus) {
    std::vector<PairSpeed> pairs;
    for (int from = 0; from < gpus; ++from)
        for (int to = 0; to < gpus; ++to)
            if (from != to) pairs.push_back({from, to, measure_pair(from, to)});
    return pairs;
}

}  // namespace weir::cuda
