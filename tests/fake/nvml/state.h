// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <nvml.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

// A GPU or a MIG instance of one, as the file tells of it.
struct nvmlDevice_st {
    nlohmann::json facts;
    std::vector<std::unique_ptr<nvmlDevice_st>> mig;
    nvmlDevice_st* parent = nullptr;  // of a MIG instance
};

namespace fake {

// What was read at nvmlInit; null before it and after nvmlShutdown.
struct State {
    nlohmann::json file;
    std::vector<std::unique_ptr<nvmlDevice_st>> gpus;
    std::vector<nvmlEventData_t> events;  // not yet heard
};
extern std::unique_ptr<State> state;

// NVML's functions all begin with one of these: what the file has the function return, after waiting while
// the driver or the GPU hangs.
nvmlReturn_t status_of(const char* function);
nvmlReturn_t status_of(const char* function, nvmlDevice_t device);

// Whether the file that `driver_file` names says that the driver is being restarted.
bool restarting(const nlohmann::json& file);

// The first word of a file, "" where there is none.
std::string first_word(const std::string& path);

// busy, idle, hung, gone or empty.
std::string word_of(nvmlDevice_t device);

nvmlReturn_t copy_text(const std::string& text, char* to, unsigned int length);

// "0000:3b:00.0" as NVML has it.
nvmlReturn_t copy_pci(const std::string& text, nvmlPciInfo_t* pci);

}  // namespace fake
