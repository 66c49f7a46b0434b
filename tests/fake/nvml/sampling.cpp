// SPDX-License-Identifier: GPL-2.0-or-later
// What GPUs do, by their word: busy, idle, hung or empty. The README above says where the figures are from.
#include <map>

#include "state.h"

using namespace fake;

struct nvmlEventSet_st {};

namespace {

constexpr unsigned long long kMebibyte = 1ULL << 20U;
constexpr unsigned int kPowerLimit = 700'000;  // milliwatts
constexpr unsigned int kMemoryClock = 2619;    // MHz

struct Doing {
    nvmlUtilization_t utilisation;  // percent, of the GPU and of its memory
    unsigned int power;             // milliwatts
    unsigned int sm_clock;          // MHz
    unsigned int temperature;       // degrees Celsius
    unsigned int processes;
    unsigned int memory_percent;  // used
    unsigned long long throttle;
};

const Doing& doing_of(nvmlDevice_t device) {
    static const std::map<std::string, Doing> kDoings{
        {"empty", {{0, 0}, 70'000, 345, 30, 0, 0, nvmlClocksThrottleReasonGpuIdle}},
        {"idle", {{0, 0}, 72'000, 345, 31, 1, 75, nvmlClocksThrottleReasonGpuIdle}},
        {"busy", {{97, 41}, 600'000, 1755, 62, 1, 75, nvmlClocksThrottleReasonSwPowerCap}},
        {"hung", {{100, 0}, 90'000, 1980, 36, 1, 75, nvmlClocksThrottleReasonNone}},
    };
    const auto doing = kDoings.find(word_of(device));
    return doing == kDoings.end() ? kDoings.at("empty") : doing->second;
}

// Bytes in use.
unsigned long long used_of(nvmlDevice_t device) {
    const nvmlDevice_t gpu = device->parent == nullptr ? device : device->parent;
    const auto total = device->facts.value("memory", 0ULL);
    return total / 100 * doing_of(gpu).memory_percent / kMebibyte * kMebibyte;
}

nvmlReturn_t fact(nvmlDevice_t device, const char* name, unsigned long long* value) {
    if (!device->facts.contains(name)) return NVML_ERROR_NOT_SUPPORTED;
    *value = device->facts.value(name, 0ULL);
    return NVML_SUCCESS;
}

}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t* utilisation) {
    if (const auto status = status_of("nvmlDeviceGetUtilizationRates", device); status != NVML_SUCCESS)
        return status;
    if (!device->mig.empty()) return NVML_ERROR_NOT_SUPPORTED;
    *utilisation = doing_of(device).utilisation;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
    if (const auto status = status_of("nvmlDeviceGetMemoryInfo", device); status != NVML_SUCCESS)
        return status;
    memory->total = device->facts.value("memory", 0ULL);
    memory->used = used_of(device);
    memory->free = memory->total - memory->used;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t* memory) {
    if (const auto status = status_of("nvmlDeviceGetMemoryInfo_v2", device); status != NVML_SUCCESS)
        return status;
    if (memory->version != nvmlMemory_v2) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    memory->total = device->facts.value("memory", 0ULL);
    memory->reserved = device->facts.value("reserved", 0ULL);
    memory->used = used_of(device);
    memory->free = memory->total - memory->reserved - memory->used;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int* power) {
    if (const auto status = status_of("nvmlDeviceGetPowerUsage", device); status != NVML_SUCCESS)
        return status;
    *power = doing_of(device).power;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int* limit) {
    if (const auto status = status_of("nvmlDeviceGetEnforcedPowerLimit", device); status != NVML_SUCCESS)
        return status;
    *limit = kPowerLimit;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int* clock) {
    if (const auto status = status_of("nvmlDeviceGetClockInfo", device); status != NVML_SUCCESS)
        return status;
    if (type != NVML_CLOCK_SM && type != NVML_CLOCK_MEM) return NVML_ERROR_NOT_SUPPORTED;
    *clock = type == NVML_CLOCK_MEM ? kMemoryClock : doing_of(device).sm_clock;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t,
                                      unsigned int* temperature) {
    if (const auto status = status_of("nvmlDeviceGetTemperature", device); status != NVML_SUCCESS)
        return status;
    *temperature = doing_of(device).temperature;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long* reasons) {
    if (const auto status = status_of("nvmlDeviceGetCurrentClocksThrottleReasons", device);
        status != NVML_SUCCESS)
        return status;
    *reasons = doing_of(device).throttle;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t, nvmlEccCounterType_t,
                                         unsigned long long* errors) {
    const auto status = status_of("nvmlDeviceGetTotalEccErrors", device);
    return status != NVML_SUCCESS ? status : fact(device, "ecc", errors);
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long* energy) {
    const auto status = status_of("nvmlDeviceGetTotalEnergyConsumption", device);
    return status != NVML_SUCCESS ? status : fact(device, "energy", energy);
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int* count,
                                                     nvmlProcessInfo_t*) {
    const auto status = status_of("nvmlDeviceGetComputeRunningProcesses_v3", device);
    if (status != NVML_SUCCESS) return status;
    const unsigned int room = *count;
    *count = doing_of(device).processes;
    return *count > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t* events) {
    static nvmlEventSet_st the_one;
    if (const auto status = status_of("nvmlEventSetCreate"); status != NVML_SUCCESS) return status;
    *events = &the_one;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t) {
    return status_of("nvmlEventSetFree");
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t) {
    if (const auto status = status_of("nvmlDeviceRegisterEvents", device); status != NVML_SUCCESS)
        return status;
    if ((types & nvmlEventTypeXidCriticalError) != 0 && device->facts.contains("xid"))
        state->events.push_back(
            {device, nvmlEventTypeXidCriticalError, device->facts.value("xid", 0ULL), 0, 0});
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t, nvmlEventData_t* event, unsigned int) {
    if (const auto status = status_of("nvmlEventSetWait_v2"); status != NVML_SUCCESS) return status;
    if (state->events.empty()) return NVML_ERROR_TIMEOUT;
    *event = state->events.front();
    state->events.erase(state->events.begin());
    return NVML_SUCCESS;
}

}  // extern "C"
