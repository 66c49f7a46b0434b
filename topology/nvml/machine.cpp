// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/nvml/machine.h"

#include <algorithm>
#include <array>
#include <map>

#include "topology/nvml/device.h"

namespace weir::topology {
namespace {

PciAddress address_of(const nvmlPciInfo_t& pci) {
    return {pci.domain, static_cast<std::uint8_t>(pci.bus), static_cast<std::uint8_t>(pci.device), 0};
}

// MB/s one way of a lane: the first generation of NVLink (P100) carries 20,000, the second to fourth (V100 to
// H100) 25,000, the fifth (B200) 50,000.
std::int64_t lane_speed(unsigned int version) {
    if (version <= 1) return 20'000;
    return version <= 6 ? 25'000 : 50'000;  // NVML counts 2 to 6 for NVLink 2.0 to 4.0, 7 for 5.0
}

class NvmlMachine {
  public:
    explicit NvmlMachine(const NvmlLibrary& nvml) : nvml_(nvml), call_(nvml.call()) {}

    Result<Reading> read() {
        unsigned int count = 0;
        if (const auto status = call_.nvmlDeviceGetCount_v2(&count); status != NVML_SUCCESS)
            return failure("NVML cannot count the GPUs: " + nvml_.text_of(status), static_cast<int>(status));
        for (unsigned int index = 0; index < count; ++index) {
            nvmlDevice_t device = nullptr;
            nvmlPciInfo_t pci{};
            auto status = call_.nvmlDeviceGetHandleByIndex_v2(index, &device);
            if (status == NVML_SUCCESS) status = call_.nvmlDeviceGetPciInfo_v3(device, &pci);
            if (status == NVML_SUCCESS)
                gpu(device, address_of(pci));
            else
                reading_.remarks.push_back("GPU " + std::to_string(index) +
                                           " is left out: " + nvml_.text_of(status));
        }
        find_links();
        put_in_order(reading_.machine);
        return std::move(reading_);
    }

  private:
    struct Lanes {
        int count = 0;
        std::int64_t speed = 0;
    };

    void gpu(nvmlDevice_t device, const PciAddress& address) {
        Gpu gpu;
        gpu.place.address = address;
        gpu.model = name_of(call_, device);
        gpu.uuid = uuid_of(call_, device);
        gpu.memory = memory_of(device);
        unsigned int minor = 0;
        if (call_.nvmlDeviceGetMinorNumber(device, &minor) == NVML_SUCCESS)
            gpu.minor = static_cast<int>(minor);
        gpu.mig = mig_of(device);
        at_[address] = reading_.machine.gpus.size();
        devices_.push_back(device);
        reading_.machine.gpus.push_back(std::move(gpu));
    }

    Bytes memory_of(nvmlDevice_t device) const {
        nvmlMemory_t memory{};
        return call_.nvmlDeviceGetMemoryInfo(device, &memory) == NVML_SUCCESS
                   ? Bytes{static_cast<std::int64_t>(memory.total)}
                   : Bytes{};
    }

    std::vector<MigInstance> mig_of(nvmlDevice_t device) const {
        std::vector<MigInstance> found;
        bool on = false;
        read_mig_mode(call_, device, on);
        if (!on) return found;
        for (nvmlDevice_t instance : mig_instances(call_, device))
            found.push_back(
                {uuid_of(call_, instance), profile_of(name_of(call_, instance)), memory_of(instance)});
        return found;
    }

    // Each end tells of the same lanes, unless it has fallen silent.
    void find_links() {
        std::map<std::pair<std::size_t, std::size_t>, std::array<Lanes, 2>> direct;  // as either end tells
        std::map<std::size_t, Lanes> switched;
        for (std::size_t gpu = 0; gpu < devices_.size(); ++gpu) {
            for (unsigned int lane = 0; lane < NVML_NVLINK_MAX_LINKS; ++lane) {
                nvmlEnableState_t active = NVML_FEATURE_DISABLED;
                if (call_.nvmlDeviceGetNvLinkState(devices_[gpu], lane, &active) != NVML_SUCCESS ||
                    active != NVML_FEATURE_ENABLED)
                    continue;
                unsigned int version = 0;
                call_.nvmlDeviceGetNvLinkVersion(devices_[gpu], lane, &version);
                nvmlIntNvLinkDeviceType_t type = NVML_NVLINK_DEVICE_TYPE_UNKNOWN;
                nvmlPciInfo_t remote{};
                if (call_.nvmlDeviceGetNvLinkRemoteDeviceType(devices_[gpu], lane, &type) == NVML_SUCCESS &&
                    type == NVML_NVLINK_DEVICE_TYPE_SWITCH) {
                    add(switched[gpu], version);
                } else if (call_.nvmlDeviceGetNvLinkRemotePciInfo_v2(devices_[gpu], lane, &remote) ==
                           NVML_SUCCESS) {
                    const auto other = at_.find(address_of(remote));
                    if (other != at_.end() && other->second != gpu)
                        add(direct[std::minmax(gpu, other->second)][gpu < other->second ? 0 : 1], version);
                }
            }
        }
        for (const auto& [pair, ends] : direct) {
            const Lanes& lanes = ends[0].count >= ends[1].count ? ends[0] : ends[1];
            reading_.machine.links.push_back({pair.first, pair.second, lanes.count, false, lanes.speed});
        }
        for (const auto& [a, of_a] : switched)
            for (const auto& [b, of_b] : switched)
                if (a < b && !direct.contains({a, b}))
                    reading_.machine.links.push_back(
                        {a, b, std::min(of_a.count, of_b.count), true, std::min(of_a.speed, of_b.speed)});
    }

    static void add(Lanes& lanes, unsigned int version) {
        lanes.count += 1;
        lanes.speed += lane_speed(version);
    }

    const NvmlLibrary& nvml_;
    const NvmlFunctions& call_;
    Reading reading_;
    std::vector<nvmlDevice_t> devices_;  // as reading_.machine.gpus until that is put in order
    std::map<PciAddress, std::size_t> at_;
};

}  // namespace

Result<Reading> read_nvml(const NvmlLibrary& nvml) {
    return NvmlMachine(nvml).read();
}

}  // namespace weir::topology
