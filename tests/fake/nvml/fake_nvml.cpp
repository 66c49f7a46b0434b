// SPDX-License-Identifier: GPL-2.0-or-later
// NVML as a driver without GPUs would have it, telling what a JSON file says: see the README above. This file
// is about what GPUs are, sampling.cpp about what they do, links.cpp about what joins them.
#include <cstdlib>
#include <fstream>

#include "state.h"

using nlohmann::json;
using namespace fake;

extern "C" {

nvmlReturn_t nvmlInit_v2() {
    const char* path = std::getenv("WEIR_FAKE_NVML");
    if (path == nullptr) return NVML_ERROR_DRIVER_NOT_LOADED;
    std::ifstream stream(path);
    auto made = std::make_unique<State>();
    made->file = json::parse(stream, nullptr, false);
    if (made->file.is_discarded()) return NVML_ERROR_UNKNOWN;
    if (restarting(made->file)) return NVML_ERROR_DRIVER_NOT_LOADED;
    for (const json& facts : made->file.at("gpus")) {
        made->gpus.push_back(std::make_unique<nvmlDevice_st>(nvmlDevice_st{facts, {}, nullptr}));
        nvmlDevice_st& gpu = *made->gpus.back();
        for (const json& instance : facts.value("mig", json::array()))
            gpu.mig.push_back(std::make_unique<nvmlDevice_st>(nvmlDevice_st{instance, {}, &gpu}));
    }
    state = std::move(made);
    const nvmlReturn_t status = status_of("nvmlInit_v2");
    if (status != NVML_SUCCESS) state.reset();
    return status;
}

nvmlReturn_t nvmlShutdown() {
    const nvmlReturn_t status = state ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED;
    state.reset();
    return status;
}

const char* nvmlErrorString(nvmlReturn_t status) {
    switch (status) {
    case NVML_ERROR_UNINITIALIZED:
        return "Uninitialized";
    case NVML_ERROR_DRIVER_NOT_LOADED:
        return "Driver Not Loaded";
    case NVML_ERROR_GPU_IS_LOST:
        return "GPU is lost";
    default:
        return "Unknown Error";
    }
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int* count) {
    if (const auto status = status_of("nvmlDeviceGetCount_v2"); status != NVML_SUCCESS) return status;
    *count = static_cast<unsigned int>(state->gpus.size());
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t* device) {
    if (const auto status = status_of("nvmlDeviceGetHandleByIndex_v2"); status != NVML_SUCCESS) return status;
    if (index >= state->gpus.size()) return NVML_ERROR_INVALID_ARGUMENT;
    *device = state->gpus[index].get();
    return status_of("nvmlDeviceGetHandleByIndex_v2", *device);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned int length) {
    if (const auto status = status_of("nvmlDeviceGetName", device); status != NVML_SUCCESS) return status;
    return copy_text(device->facts.value("name", ""), name, length);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned int length) {
    if (const auto status = status_of("nvmlDeviceGetUUID", device); status != NVML_SUCCESS) return status;
    return copy_text(device->facts.value("uuid", ""), uuid, length);
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int* minor) {
    if (const auto status = status_of("nvmlDeviceGetMinorNumber", device); status != NVML_SUCCESS)
        return status;
    *minor = device->facts.value("minor", 0U);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t* pci) {
    if (const auto status = status_of("nvmlDeviceGetPciInfo_v3", device); status != NVML_SUCCESS)
        return status;
    return copy_pci(device->facts.value("pci", ""), pci);
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int* current, unsigned int* pending) {
    if (const auto status = status_of("nvmlDeviceGetMigMode", device); status != NVML_SUCCESS) return status;
    if (!device->facts.contains("mig")) return NVML_ERROR_NOT_SUPPORTED;
    *current = *pending = device->mig.empty() ? NVML_DEVICE_MIG_DISABLE : NVML_DEVICE_MIG_ENABLE;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int* count) {
    if (const auto status = status_of("nvmlDeviceGetMaxMigDeviceCount", device); status != NVML_SUCCESS)
        return status;
    *count = 7;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int index,
                                                 nvmlDevice_t* instance) {
    if (const auto status = status_of("nvmlDeviceGetMigDeviceHandleByIndex", device); status != NVML_SUCCESS)
        return status;
    if (index >= device->mig.size()) return NVML_ERROR_NOT_FOUND;
    *instance = device->mig[index].get();
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t device, unsigned int* id) {
    if (const auto status = status_of("nvmlDeviceGetGpuInstanceId", device); status != NVML_SUCCESS)
        return status;
    if (!device->facts.contains("gpu_instance")) return NVML_ERROR_NOT_SUPPORTED;
    *id = device->facts.value("gpu_instance", 0U);
    return NVML_SUCCESS;
}

}  // extern "C"
