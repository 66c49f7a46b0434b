// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nvml.h>

// The functions of NVML that Weir calls, by the names that the library exports: once loaded none is null,
// since one that an older driver lacks is replaced by one that returns NVML_ERROR_FUNCTION_NOT_FOUND.
#define WEIR_NVML_FUNCTIONS(X)             \
    X(nvmlInit_v2)                         \
    X(nvmlShutdown)                        \
    X(nvmlDeviceGetCount_v2)               \
    X(nvmlDeviceGetHandleByIndex_v2)       \
    X(nvmlDeviceGetName)                   \
    X(nvmlDeviceGetUUID)                   \
    X(nvmlDeviceGetMinorNumber)            \
    X(nvmlDeviceGetPciInfo_v3)             \
    X(nvmlDeviceGetMemoryInfo)             \
    X(nvmlDeviceGetMigMode)                \
    X(nvmlDeviceGetMaxMigDeviceCount)      \
    X(nvmlDeviceGetMigDeviceHandleByIndex) \
    X(nvmlDeviceGetNvLinkState)            \
    X(nvmlDeviceGetNvLinkVersion)          \
    X(nvmlDeviceGetNvLinkRemotePciInfo_v2) \
    X(nvmlDeviceGetNvLinkRemoteDeviceType)

namespace weir::topology {

struct NvmlFunctions {
#define WEIR_NVML_MEMBER(name) decltype(&::name) name = nullptr;
    WEIR_NVML_FUNCTIONS(WEIR_NVML_MEMBER)
#undef WEIR_NVML_MEMBER
    decltype(&::nvmlErrorString) nvmlErrorString = nullptr;  // null where the library lacks it
};

}  // namespace weir::topology
