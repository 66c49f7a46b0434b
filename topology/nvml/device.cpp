// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/nvml/device.h"

#include <array>

namespace weir::topology {

std::string name_of(const NvmlFunctions& call, nvmlDevice_t device) {
    std::array<char, NVML_DEVICE_NAME_V2_BUFFER_SIZE> name{};
    return call.nvmlDeviceGetName(device, name.data(), name.size()) == NVML_SUCCESS ? name.data() : "";
}

std::string uuid_of(const NvmlFunctions& call, nvmlDevice_t device) {
    std::array<char, NVML_DEVICE_UUID_V2_BUFFER_SIZE> uuid{};
    return call.nvmlDeviceGetUUID(device, uuid.data(), uuid.size()) == NVML_SUCCESS ? uuid.data() : "";
}

std::string profile_of(const std::string& name) {
    const auto mig = name.find("MIG ");
    return mig == std::string::npos ? name : name.substr(mig + 4);
}

nvmlReturn_t read_mig_mode(const NvmlFunctions& call, nvmlDevice_t device, bool& on) {
    unsigned int mode = NVML_DEVICE_MIG_DISABLE;
    unsigned int pending = 0;
    const nvmlReturn_t status = call.nvmlDeviceGetMigMode(device, &mode, &pending);
    on = status == NVML_SUCCESS && mode == NVML_DEVICE_MIG_ENABLE;
    return status;
}

std::vector<nvmlDevice_t> mig_instances(const NvmlFunctions& call, nvmlDevice_t device) {
    std::vector<nvmlDevice_t> found;
    unsigned int most = 0;
    if (call.nvmlDeviceGetMaxMigDeviceCount(device, &most) != NVML_SUCCESS) return found;
    for (unsigned int index = 0; index < most; ++index) {
        nvmlDevice_t instance = nullptr;
        if (call.nvmlDeviceGetMigDeviceHandleByIndex(device, index, &instance) == NVML_SUCCESS)
            found.push_back(instance);
    }
    return found;
}

}  // namespace weir::topology
