// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <memory>
#include <string>

#include "plugin/result.h"
#include "topology/nvml/functions.h"

namespace weir::topology {

// NVML, opened at run time and initialised for as long as this lives. It is part of NVIDIA's driver: that it
// is absent is normal on a node without GPUs. Not to be carried over a fork.
class NvmlLibrary {
  public:
    // `path` as dlopen takes it; by default what WEIR_NVML names, else libnvidia-ml.so.1. The
    // error's code is NVML's status, and 0 where there is no library.
    static Result<NvmlLibrary> open(std::string path = {});

    const NvmlFunctions& call() const { return *functions_; }

    // "Driver Not Loaded (9)": what NVML says of a status.
    std::string text_of(nvmlReturn_t status) const;

  private:
    struct Close {
        void operator()(void* handle) const;
    };
    struct Shutdown {
        void operator()(NvmlFunctions* functions) const;
    };
    std::unique_ptr<void, Close> handle_;  // destroyed last
    std::unique_ptr<NvmlFunctions, Shutdown> functions_;
};

}  // namespace weir::topology
