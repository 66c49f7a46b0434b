// SPDX-License-Identifier: GPL-2.0-or-later
// What joins GPUs: NVLinks, and the NVLink domain.
#include <cstdint>

#include "state.h"

using nlohmann::json;
using namespace fake;

namespace {

const json* link_of(nvmlDevice_t device, unsigned int lane) {
    const auto links = device->facts.find("links");
    return links == device->facts.end() || lane >= links->size() ? nullptr : &(*links)[lane];
}

}  // namespace

#ifndef NVML_GPU_FABRIC_UUID_LEN  // the header is older than NVML 12
struct nvmlGpuFabricInfo_t {
    unsigned char clusterUuid[16];
    nvmlReturn_t status;
    unsigned int cliqueId;
    unsigned char state;
};
#endif

extern "C" {

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

nvmlReturn_t nvmlDeviceGetGpuFabricInfo(nvmlDevice_t device, nvmlGpuFabricInfo_t* info) {
    if (const auto status = status_of("nvmlDeviceGetGpuFabricInfo", device); status != NVML_SUCCESS)
        return status;
    const auto fabric = device->facts.find("fabric");
    if (fabric == device->facts.end()) return NVML_ERROR_NOT_SUPPORTED;
    const std::string digits = fabric->value("cluster_uuid", std::string(32, '0'));
    for (std::size_t at = 0; at < sizeof info->clusterUuid; ++at)
        info->clusterUuid[at] = static_cast<unsigned char>(std::stoi(digits.substr(2 * at, 2), nullptr, 16));
    info->status = NVML_SUCCESS;
    info->cliqueId = fabric->value("clique", 0U);
    info->state = static_cast<unsigned char>(fabric->value("state", 3U));
    return NVML_SUCCESS;
}

}  // extern "C"
