// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/nvml/library.h"

#include <dlfcn.h>

#include <cstdlib>

namespace weir::topology {
namespace {

// Stands in for a function that the library lacks.
template <class Function>
struct Missing;
template <class... Arguments>
struct Missing<nvmlReturn_t (*)(Arguments...)> {
    static nvmlReturn_t call(Arguments...) { return NVML_ERROR_FUNCTION_NOT_FOUND; }
};

template <class Function>
void find(void* handle, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(handle, name));
    if (function == nullptr) function = Missing<Function>::call;
}

}  // namespace

void NvmlLibrary::Close::operator()(void* handle) const {
    dlclose(handle);
}

void NvmlLibrary::Shutdown::operator()(NvmlFunctions* functions) const {
    functions->nvmlShutdown();
    delete functions;
}

Result<NvmlLibrary> NvmlLibrary::open(std::string path) {
    const char* named = std::getenv("WEIR_NVML");
    if (path.empty()) path = named != nullptr && *named != '\0' ? named : "libnvidia-ml.so.1";
    NvmlLibrary library;
    library.handle_.reset(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL));
    if (!library.handle_) return failure(std::string("NVML: ") + dlerror());
    auto functions = std::make_unique<NvmlFunctions>();
#define WEIR_NVML_FIND(name) find(library.handle_.get(), #name, functions->name);
    WEIR_NVML_FUNCTIONS(WEIR_NVML_FIND)
#undef WEIR_NVML_FIND
    find(library.handle_.get(), "nvmlDeviceGetGpuFabricInfo", functions->nvmlDeviceGetGpuFabricInfo);
    find(library.handle_.get(), "nvmlDeviceGetGpuFabricInfoV", functions->nvmlDeviceGetGpuFabricInfoV);
    functions->nvmlErrorString =
        reinterpret_cast<decltype(&::nvmlErrorString)>(dlsym(library.handle_.get(), "nvmlErrorString"));
    const nvmlReturn_t status = functions->nvmlInit_v2();
    library.functions_.reset(functions.release());
    if (status == NVML_SUCCESS) return library;
    const std::string why = library.text_of(status);
    delete library.functions_.release();  // nothing to shut down
    return failure("NVML: " + path + ": " + why, static_cast<int>(status));
}

std::string NvmlLibrary::text_of(nvmlReturn_t status) const {
    const char* text = functions_->nvmlErrorString == nullptr ? nullptr : functions_->nvmlErrorString(status);
    return std::string(text == nullptr ? "status" : text) + " (" + std::to_string(static_cast<int>(status)) +
           ")";
}

}  // namespace weir::topology
