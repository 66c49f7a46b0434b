// SPDX-License-Identifier: GPL-2.0-or-later
#include "state.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <thread>

namespace fake {
namespace {

constexpr std::chrono::milliseconds kLook{50};  // between two looks at a file while a call hangs

void wait_while_hanging(const std::string& path) {
    while (first_word(path) == "hang") std::this_thread::sleep_for(kLook);
}

nvmlReturn_t told(const nlohmann::json& facts, const char* function) {
    const auto all = facts.find("status");
    return all == facts.end() ? NVML_SUCCESS : static_cast<nvmlReturn_t>(all->value(function, 0));
}

}  // namespace

std::unique_ptr<State> state;

std::string first_word(const std::string& path) {
    std::string word;
    if (!path.empty()) std::ifstream(path) >> word;
    return word;
}

bool restarting(const nlohmann::json& file) {
    const std::string path = file.value("driver_file", "");
    wait_while_hanging(path);
    return first_word(path) == "restarting";
}

nvmlReturn_t status_of(const char* function) {
    if (state && restarting(state->file)) state.reset();  // for good: handles do not outlive the driver
    return state ? told(state->file, function) : NVML_ERROR_UNINITIALIZED;
}

nvmlReturn_t status_of(const char* function, nvmlDevice_t device) {
    if (const auto status = status_of(function); status != NVML_SUCCESS) return status;
    const nvmlDevice_t gpu = device->parent == nullptr ? device : device->parent;
    wait_while_hanging(gpu->facts.value("state_file", ""));
    if (gpu->facts.value("gone", false) || word_of(gpu) == "gone") return NVML_ERROR_GPU_IS_LOST;
    return told(device->facts, function);
}

std::string word_of(nvmlDevice_t device) {
    const std::string word = first_word(device->facts.value("state_file", ""));
    return word.empty() ? device->facts.value("state", "empty") : word;
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
    std::snprintf(pci->busId, sizeof pci->busId, "%08X:%02X:%02X.0", pci->domain, pci->bus, pci->device);
    return NVML_SUCCESS;
}

}  // namespace fake
