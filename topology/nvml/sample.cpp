// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/nvml/sample.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "topology/nvml/device.h"

namespace weir::topology {
namespace {

constexpr int kMostEvents = 64;  // a GPU in trouble may tell more than one wants to hear in one sample

// What NVML answers when it is not one GPU that fails.
bool driver_gone(nvmlReturn_t status) {
    return status == NVML_ERROR_UNINITIALIZED || status == NVML_ERROR_DRIVER_NOT_LOADED ||
           status == NVML_ERROR_LIB_RM_VERSION_MISMATCH;
}

// Asks one GPU. The first answer that means more than "not known" ends the asking.
class GpuReader {
  public:
    GpuReader(const NvmlFunctions& call, nvmlDevice_t device) : call_(call), device_(device) {}

    nvmlReturn_t trouble() const {
        return trouble_ == NVML_SUCCESS && unknown_ && !answered_ ? NVML_ERROR_UNKNOWN : trouble_;
    }

    void read_identity(GpuSample& gpu) {
        unsigned int minor = 0;
        if (good(call_.nvmlDeviceGetMinorNumber(device_, &minor))) gpu.minor = minor;
        nvmlPciInfo_t pci{};
        if (good(call_.nvmlDeviceGetPciInfo_v3(device_, &pci))) gpu.pci = pci.busId;
        gpu.uuid = uuid_of(call_, device_);
        gpu.model = name_of(call_, device_);
    }

    void read_values(GpuSample& gpu) {
        bool mig = false;
        if (good(read_mig_mode(call_, device_, mig))) gpu.mig = mig;
        nvmlUtilization_t utilisation{};
        if (good(call_.nvmlDeviceGetUtilizationRates(device_, &utilisation))) {
            gpu.utilisation = utilisation.gpu;
            gpu.copy_utilisation = utilisation.memory;
        }
        read(gpu.power, call_.nvmlDeviceGetPowerUsage);
        read(gpu.power_limit, call_.nvmlDeviceGetEnforcedPowerLimit);
        read(gpu.sm_clock, call_.nvmlDeviceGetClockInfo, NVML_CLOCK_SM);
        read(gpu.memory_clock, call_.nvmlDeviceGetClockInfo, NVML_CLOCK_MEM);
        read(gpu.temperature, call_.nvmlDeviceGetTemperature, NVML_TEMPERATURE_GPU);
        read(gpu.throttle, call_.nvmlDeviceGetCurrentClocksThrottleReasons);
        read(gpu.double_bit_ecc, call_.nvmlDeviceGetTotalEccErrors, NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
             NVML_VOLATILE_ECC);
        read(gpu.energy, call_.nvmlDeviceGetTotalEnergyConsumption);
        gpu.memory = memory_of(device_);
        read_processes(gpu);
        read_fabric(gpu);
        if (!mig) return;
        for (nvmlDevice_t instance : mig_instances(call_, device_)) {
            MigSample part{uuid_of(call_, instance), profile_of(name_of(call_, instance)), {}, {}};
            unsigned int id = 0;
            if (good(call_.nvmlDeviceGetGpuInstanceId(instance, &id))) part.gpu_instance = id;
            part.memory = memory_of(instance);
            gpu.instances.push_back(std::move(part));
        }
    }

  private:
    bool good(nvmlReturn_t status) {
        if (driver_gone(status) || status == NVML_ERROR_GPU_IS_LOST) trouble_ = status;
        answered_ |= status != NVML_ERROR_UNKNOWN && status != NVML_ERROR_FUNCTION_NOT_FOUND;
        unknown_ |= status == NVML_ERROR_UNKNOWN;
        return status == NVML_SUCCESS;
    }

    template <class Value, class Function, class... What>
    void read(std::optional<Value>& into, Function function, What... what) {
        if (trouble_ != NVML_SUCCESS) return;
        Value value = 0;
        if (good(function(device_, what..., &value))) into = value;
    }

    std::optional<GpuMemory> memory_of(nvmlDevice_t device) {
        nvmlMemory_v2_t memory{};
        memory.version = nvmlMemory_v2;
        if (good(call_.nvmlDeviceGetMemoryInfo_v2(device, &memory)))
            return GpuMemory{memory.used >> 20U, memory.free >> 20U};
        nvmlMemory_t plain{};  // of drivers before 510: `used` has what is reserved, too
        if (!good(call_.nvmlDeviceGetMemoryInfo(device, &plain))) return std::nullopt;
        return GpuMemory{plain.used >> 20U, plain.free >> 20U};
    }

    // With no room for them NVML only counts the processes.
    void read_processes(GpuSample& gpu) {
        unsigned int count = 0;
        const auto status = call_.nvmlDeviceGetComputeRunningProcesses_v3(device_, &count, nullptr);
        if (good(status) || status == NVML_ERROR_INSUFFICIENT_SIZE) gpu.processes = count;
    }

    void read_fabric(GpuSample& gpu) {
        NvmlFabricInfoV fabric;
        auto status = call_.nvmlDeviceGetGpuFabricInfo(device_, &fabric.info);
        if (status != NVML_SUCCESS) status = call_.nvmlDeviceGetGpuFabricInfoV(device_, &fabric);
        if (!good(status) || fabric.info.state != kNvmlFabricCompleted || fabric.info.status != NVML_SUCCESS)
            return;
        if (std::ranges::all_of(fabric.info.cluster_uuid, [](unsigned char byte) { return byte == 0; }))
            return;
        std::string text;
        for (std::size_t at = 0; at < std::size(fabric.info.cluster_uuid); ++at) {
            std::array<char, 3> digits{};
            std::snprintf(digits.data(), digits.size(), "%02x", fabric.info.cluster_uuid[at]);
            text += (at == 4 || at == 6 || at == 8 || at == 10 ? "-" : "") + std::string(digits.data());
        }
        gpu.fabric = GpuFabric{std::move(text), fabric.info.clique};
    }

    const NvmlFunctions& call_;
    nvmlDevice_t device_;
    nvmlReturn_t trouble_ = NVML_SUCCESS;
    bool answered_ = false;
    bool unknown_ = false;
};

}  // namespace

NvmlSampler::NvmlSampler(NvmlLibrary library)
    : library_(std::move(library)), events_(nullptr, {&library_.call()}) {
    nvmlEventSet_t events = nullptr;
    if (library_.call().nvmlEventSetCreate(&events) == NVML_SUCCESS) events_.reset(events);
}

Result<std::vector<GpuSample>> NvmlSampler::sample() {
    const NvmlFunctions& call = library_.call();
    const auto failed = [&](nvmlReturn_t status) {
        return failure("NVML: " + library_.text_of(status), static_cast<int>(status));
    };
    unsigned int count = 0;
    if (const auto status = call.nvmlDeviceGetCount_v2(&count); status != NVML_SUCCESS) return failed(status);
    hear_events();
    std::vector<GpuSample> gpus;
    unsigned int unknown = 0;
    for (unsigned int index = 0; index < count; ++index) {
        GpuSample& identity = known_[index];
        identity.index = index;
        nvmlDevice_t device = nullptr;
        auto status = call.nvmlDeviceGetHandleByIndex_v2(index, &device);
        GpuSample gpu = identity;
        if (status == NVML_SUCCESS) {
            GpuReader reader(call, device);
            if (identity.uuid.empty()) reader.read_identity(identity);
            gpu = identity;
            listen_to(device, index);
            reader.read_values(gpu);
            status = reader.trouble();
        }
        if (driver_gone(status)) return failed(status);
        if (status == NVML_ERROR_UNKNOWN) ++unknown;
        if (status != NVML_SUCCESS) {
            gpu = identity;
            gpu.lost = true;
        }
        if (const auto xid = xids_.find(index); xid != xids_.end()) gpu.last_xid = xid->second;
        gpus.push_back(std::move(gpu));
    }
    if (count > 0 && unknown == count) return failed(NVML_ERROR_UNKNOWN);
    return gpus;
}

void NvmlSampler::listen_to(nvmlDevice_t device, unsigned int index) {
    if (events_ && index_of_.emplace(device, index).second)
        library_.call().nvmlDeviceRegisterEvents(device, nvmlEventTypeXidCriticalError, events_.get());
}

void NvmlSampler::hear_events() {
    for (int heard = 0; events_ && heard < kMostEvents; ++heard) {
        nvmlEventData_t event{};
        if (library_.call().nvmlEventSetWait_v2(events_.get(), &event, 0) != NVML_SUCCESS) return;
        const auto index = index_of_.find(event.device);
        if (index != index_of_.end() && event.eventType == nvmlEventTypeXidCriticalError)
            xids_[index->second] = event.eventData;
    }
}

}  // namespace weir::topology
