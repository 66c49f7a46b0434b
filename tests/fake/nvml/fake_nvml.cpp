// SPDX-License-Identifier: GPL-2.0-or-later
// NVML as a driver without GPUs would have it, telling what a JSON file says:
//   {"gpus": [{"pci": "0000:01:00.0", "name": "NVIDIA H100 80GB HBM3", "uuid": "GPU-1", "minor": 0, "memory":
//   85899345920,
//              "gone": false, "mig": [{"name": "... MIG 1g.10gb", "uuid": "MIG-1", "memory": 10737418240}],
//              "links": [{"to": "0000:02:00.0" or "switch", "version": 6}]}],
//    "status": {"nvmlInit_v2": 9}}
// `mig` absent: the GPU cannot do MIG. `gone`: it fell off the bus, as NVML reports it. `status`: what a
// function returns whatever it is asked.
#include <nvml.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

struct nvmlDevice_st {
    nlohmann::json facts;
    std::vector<std::unique_ptr<nvmlDevice_st>> mig;
};

namespace {

using nlohmann::json;

struct State {
    json file;
    std::vector<std::unique_ptr<nvmlDevice_st>> gpus;
};
std::unique_ptr<State> state;

nvmlReturn_t status_of(const char* function) {
    if (!state) return NVML_ERROR_UNINITIALIZED;
    const auto all = state->file.find("status");
    return all == state->file.end() ? NVML_SUCCESS : static_cast<nvmlReturn_t>(all->value(function, 0));
}

nvmlReturn_t status_of(const char* function, nvmlDevice_t device) {
    if (const auto status = status_of(function); status != NVML_SUCCESS) return status;
    return device->facts.value("gone", false) ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

nvmlReturn_t copy_text(const std::string& text, char* to, unsigned int length) {
    if (text.size() + 1 > length) return NVML_ERROR_INSUFFICIENT_SIZE;
    std::memcpy(to, text.c_str(), text.size() + 1);
    return NVML_SUCCESS;
}

nvmlReturn_t copy_pci(const std::string& text, nvmlPciInfo_t* pci) {
    *pci = {};
    unsigned int function = 0;
    if (std::sscanf(text.c_str(), "%x:%x:%x.%x", &pci->domain, &pci->bus, &pci->device, &function) != 4)
        return NVML_ERROR_UNKNOWN;
    return copy_text("0000" + text, pci->busId, sizeof pci->busId);
}

const json* link_of(nvmlDevice_t device, unsigned int lane) {
    const auto links = device->facts.find("links");
    return links == device->facts.end() || lane >= links->size() ? nullptr : &(*links)[lane];
}

}  // namespace

extern "C" {

nvmlReturn_t nvmlInit_v2() {
    const char* path = std::getenv("WEIR_FAKE_NVML");
    if (path == nullptr) return NVML_ERROR_DRIVER_NOT_LOADED;
    std::ifstream stream(path);
    auto made = std::make_unique<State>();
    made->file = json::parse(stream, nullptr, false);
    if (made->file.is_discarded()) return NVML_ERROR_UNKNOWN;
    for (const json& facts : made->file.at("gpus")) {
        made->gpus.push_back(std::make_unique<nvmlDevice_st>(nvmlDevice_st{facts, {}}));
        for (const json& instance : facts.value("mig", json::array()))
            made->gpus.back()->mig.push_back(std::make_unique<nvmlDevice_st>(nvmlDevice_st{instance, {}}));
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

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
    if (const auto status = status_of("nvmlDeviceGetMemoryInfo", device); status != NVML_SUCCESS)
        return status;
    *memory = {};
    memory->total = memory->free = device->facts.value("memory", 0ULL);
    return NVML_SUCCESS;
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

nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t device, unsigned int lane, nvmlEnableState_t* active) {
    if (const auto status = status_of("nvmlDeviceGetNvLinkState", device); status != NVML_SUCCESS)
        return status;
    if (!device->facts.contains("links")) return NVML_ERROR_NOT_SUPPORTED;
    *active = link_of(device, lane) != nullptr ? NVML_FEATURE_ENABLED : NVML_FEATURE_DISABLED;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetNvLinkVersion(nvmlDevice_t device, unsigned int lane, unsigned int* version) {
    if (const auto status = status_of("nvmlDeviceGetNvLinkVersion", device); status != NVML_SUCCESS)
        return status;
    const json* link = link_of(device, lane);
    if (link == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
    *version = link->value("version", 2U);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t device, unsigned int lane, nvmlPciInfo_t* pci) {
    if (const auto status = status_of("nvmlDeviceGetNvLinkRemotePciInfo_v2", device); status != NVML_SUCCESS)
        return status;
    const json* link = link_of(device, lane);
    if (link == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
    const std::string to = link->value("to", "");
    return copy_pci(to == "switch" ? "0000:f0:00.0" : to, pci);
}

nvmlReturn_t nvmlDeviceGetNvLinkRemoteDeviceType(nvmlDevice_t device, unsigned int lane,
                                                 nvmlIntNvLinkDeviceType_t* type) {
    if (const auto status = status_of("nvmlDeviceGetNvLinkRemoteDeviceType", device); status != NVML_SUCCESS)
        return status;
    const json* link = link_of(device, lane);
    if (link == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
    *type = link->value("to", "") == "switch" ? NVML_NVLINK_DEVICE_TYPE_SWITCH : NVML_NVLINK_DEVICE_TYPE_GPU;
    return NVML_SUCCESS;
}

}  // extern "C"
