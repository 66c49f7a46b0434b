// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nvml.h>

// The functions of NVML that Weir calls, by the names that the library exports: once loaded none is null,
// since one that an older driver lacks is replaced by one that returns NVML_ERROR_FUNCTION_NOT_FOUND.
#define WEIR_NVML_FUNCTIONS(X)                   \
    X(nvmlInit_v2)                               \
    X(nvmlShutdown)                              \
    X(nvmlDeviceGetCount_v2)                     \
    X(nvmlDeviceGetHandleByIndex_v2)             \
    X(nvmlDeviceGetName)                         \
    X(nvmlDeviceGetUUID)                         \
    X(nvmlDeviceGetMinorNumber)                  \
    X(nvmlDeviceGetPciInfo_v3)                   \
    X(nvmlDeviceGetMemoryInfo)                   \
    X(nvmlDeviceGetMemoryInfo_v2)                \
    X(nvmlDeviceGetMigMode)                      \
    X(nvmlDeviceGetMaxMigDeviceCount)            \
    X(nvmlDeviceGetMigDeviceHandleByIndex)       \
    X(nvmlDeviceGetGpuInstanceId)                \
    X(nvmlDeviceGetNvLinkState)                  \
    X(nvmlDeviceGetNvLinkVersion)                \
    X(nvmlDeviceGetNvLinkRemotePciInfo_v2)       \
    X(nvmlDeviceGetNvLinkRemoteDeviceType)       \
    X(nvmlDeviceGetUtilizationRates)             \
    X(nvmlDeviceGetPowerUsage)                   \
    X(nvmlDeviceGetEnforcedPowerLimit)           \
    X(nvmlDeviceGetClockInfo)                    \
    X(nvmlDeviceGetTemperature)                  \
    X(nvmlDeviceGetCurrentClocksThrottleReasons) \
    X(nvmlDeviceGetTotalEccErrors)               \
    X(nvmlDeviceGetTotalEnergyConsumption)       \
    X(nvmlDeviceGetComputeRunningProcesses_v3)   \
    X(nvmlEventSetCreate)                        \
    X(nvmlEventSetFree)                          \
    X(nvmlEventSetWait_v2)                       \
    X(nvmlDeviceRegisterEvents)

namespace weir::topology {

// nvmlGpuFabricInfo_t, with which NVML tells of NVLink domains of several nodes: from version 12 on, and
// Debian 12 has the header of version 11.
struct NvmlFabricInfo {
    unsigned char cluster_uuid[16];
    nvmlReturn_t status;
    unsigned int clique;
    unsigned char state;
};
constexpr unsigned char kNvmlFabricCompleted = 3;
using NvmlGetFabricInfo = nvmlReturn_t (*)(nvmlDevice_t, NvmlFabricInfo*);

// nvmlGpuFabricInfoV_t, version 2, which drivers have that no longer have the one above.
struct NvmlFabricInfoV {
    unsigned int version = sizeof(NvmlFabricInfoV) | 2U << 24U;
    NvmlFabricInfo info{};
    unsigned int health = 0;
};
using NvmlGetFabricInfoV = nvmlReturn_t (*)(nvmlDevice_t, NvmlFabricInfoV*);

struct NvmlFunctions {
#define WEIR_NVML_MEMBER(name) decltype(&::name) name = nullptr;  // NOLINT(bugprone-macro-parentheses)
    WEIR_NVML_FUNCTIONS(WEIR_NVML_MEMBER)
#undef WEIR_NVML_MEMBER
    NvmlGetFabricInfo nvmlDeviceGetGpuFabricInfo = nullptr;
    NvmlGetFabricInfoV nvmlDeviceGetGpuFabricInfoV = nullptr;
    decltype(&::nvmlErrorString) nvmlErrorString = nullptr;  // null where the library lacks it
};

}  // namespace weir::topology
