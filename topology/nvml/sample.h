// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "topology/nvml/library.h"

namespace weir::topology {

// Framebuffer, in MiB; what the driver keeps for itself is in neither.
struct GpuMemory {
    std::uint64_t used = 0;
    std::uint64_t free = 0;

    bool operator==(const GpuMemory&) const = default;
};

// An NVLink domain, which may span nodes, and the clique of it within which every GPU reaches every other.
struct GpuFabric {
    std::string cluster_uuid;  // "a0b1...": 32 digits and four '-', as UUIDs are written
    unsigned int clique = 0;

    bool operator==(const GpuFabric&) const = default;
};

struct MigSample {
    std::string uuid;
    std::string profile;  // "1g.10gb"
    std::optional<unsigned int> gpu_instance;
    std::optional<GpuMemory> memory;

    bool operator==(const MigSample&) const = default;
};

// What a GPU does now. Absent (text: empty) is what NVML does not tell.
struct GpuSample {
    unsigned int index = 0;             // as NVML counts
    std::optional<unsigned int> minor;  // N of /dev/nvidiaN
    std::string uuid;
    std::string pci;  // as NVML writes it: "00000000:3B:00.0"
    std::string model;
    bool lost =
        false;  // fell off the bus or cannot be reached: who it was and its last XID are all that is told
    std::optional<bool> mig;
    std::optional<unsigned int> utilisation;           // percent
    std::optional<unsigned int> copy_utilisation;      // percent of the time in which memory was at work
    std::optional<unsigned int> power;                 // milliwatts
    std::optional<unsigned int> power_limit;           // milliwatts
    std::optional<unsigned int> sm_clock;              // MHz
    std::optional<unsigned int> memory_clock;          // MHz
    std::optional<unsigned int> temperature;           // degrees Celsius
    std::optional<unsigned int> processes;             // that compute
    std::optional<unsigned long long> throttle;        // NVML's clocks throttle reasons
    std::optional<unsigned long long> double_bit_ecc;  // errors since the driver was loaded
    std::optional<unsigned long long> energy;          // millijoules since the driver was loaded
    std::optional<unsigned long long> last_xid;        // since the sampler began
    std::optional<GpuMemory> memory;
    std::optional<GpuFabric> fabric;
    std::vector<MigSample> instances;

    bool operator==(const GpuSample&) const = default;
};

// Takes samples of every GPU. Calls may block for as long as the driver does.
class NvmlSampler {
  public:
    explicit NvmlSampler(NvmlLibrary library);

    const NvmlLibrary& library() const { return library_; }

    // All GPUs, by index. An error means that the driver is gone: only a library opened anew may know more.
    Result<std::vector<GpuSample>> sample();

  private:
    struct FreeEvents {
        const NvmlFunctions* call;
        void operator()(nvmlEventSet_st* events) const { call->nvmlEventSetFree(events); }
    };

    void listen_to(nvmlDevice_t device, unsigned int index);
    void hear_events();

    NvmlLibrary library_;
    std::unique_ptr<nvmlEventSet_st, FreeEvents> events_;  // null where NVML has none
    std::map<nvmlDevice_t, unsigned int> index_of_;        // of those listened to, or that have no events
    std::map<unsigned int, unsigned long long> xids_;      // the last of each GPU, by index
    std::map<unsigned int, GpuSample> known_;              // who a GPU is, by index
};

}  // namespace weir::topology
