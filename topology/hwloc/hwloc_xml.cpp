// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/hwloc/hwloc_xml.h"

#include <algorithm>
#include <map>
#include <set>

#include "topology/hwloc/nvlink_matrix.h"
#include "topology/xml/attributes.h"

namespace weir::topology {
namespace {

constexpr std::string_view kNvidia = "10de";
constexpr std::int64_t kMostNumber = 1'000'000;  // of anything that is counted

// Parts of "0302 [10de:1db8] [10de:131d] a1 00": the class, the vendor.
std::string_view pci_class(const pugi::xml_node& device) {
    return std::string_view(device.attribute("pci_type").value()).substr(0, 4);
}

std::string_view vendor(const pugi::xml_node& device) {
    const std::string_view text = device.attribute("pci_type").value();
    return text.size() >= 10 && text[5] == '[' ? text.substr(6, 4) : std::string_view{};
}

std::string info(const pugi::xml_node& object, const char* name) {
    return printable(object.find_child_by_attribute("info", "name", name).attribute("value").value());
}

std::string_view type_of(const pugi::xml_node& object) {
    return object.attribute("type").value();
}

bool is_gpu_software(const pugi::xml_node& device) {
    const std::string backend = info(device, "Backend");
    return backend == "NVML" || backend == "CUDA" || backend == "RSMI" || backend == "LevelZero";
}

class HwlocXml {
  public:
    explicit HwlocXml(const Document& document) : document_(document) {}

    Result<Reading> read() {
        const pugi::xml_node root = document_.root();
        const std::string version = root.attribute("version").value();
        if (version.empty() || version.front() == '1')
            return failure(document_.place(root) +
                           ": written by hwloc 1; export it anew by lstopo of hwloc 2 or 3");
        if (version.front() != '2' && version.front() != '3')
            return failure(document_.place(root) + ": version \"" + printable(version.substr(0, 20)) +
                           "\" of hwloc's XML; 2 and 3 are known");
        const pugi::xml_node machine = root.find_child_by_attribute("object", "type", "Machine");
        if (!machine) return failure(document_.place(root) + ": no object of type Machine in it");
        reading_.machine.name = info(machine, "DMIProductName");
        if (auto error = visit(machine, {})) return failure(*error);
        NvlinkMatrix matrix(document_, gpu_of_);
        if (auto error = matrix.read(root)) return failure(*error);
        reading_.machine.links = matrix.links();
        put_in_order(reading_.machine);
        return std::move(reading_);
    }

  private:
    struct Context {
        std::optional<int> package;
        std::vector<int> numa;  // numbers of the NUMA nodes that are local
        std::optional<PciAddress> host_bridge;
        std::vector<PciAddress> bridges;
    };
    using Error = std::optional<std::string>;

    Error visit(const pugi::xml_node& object, Context context) {
        if (const pugi::xml_attribute set = object.attribute("nodeset")) {
            const auto numbers = bits(set.value());
            if (!numbers) return complaint(object, "nodeset", "is no set of bits");
            context.numa = *numbers;
        }
        const std::string_view type = type_of(object);
        Error error;
        if (type == "Package")
            error = package(object, context);
        else if (type == "NUMANode")
            error = numa_node(object, context);
        else if (type == "Core")
            error = core(object, context);
        else if (type == "Bridge")
            error = bridge(object, context);
        else if (type == "PCIDev")
            error = device(object, context);
        if (error) return error;
        for (const pugi::xml_node child : object.children("object"))
            if ((error = visit(child, context))) return error;
        return std::nullopt;
    }

    Error package(const pugi::xml_node& object, Context& context) {
        const auto number = os_index(object);
        if (!number) return complaint(object, "os_index", "is no number of a package");
        if (!seen_.insert("package " + std::to_string(*number)).second)
            return complaint(object, "os_index", "is there twice");
        reading_.machine.packages.push_back({*number, info(object, "CPUModel")});
        context.package = *number;
        return std::nullopt;
    }

    Error numa_node(const pugi::xml_node& object, const Context& context) {
        const auto number = os_index(object);
        if (!number) return complaint(object, "os_index", "is no number of a NUMA node");
        if (!seen_.insert("numa " + std::to_string(*number)).second)
            return complaint(object, "os_index", "is there twice");
        const pugi::xml_attribute given = object.attribute("local_memory");
        const auto memory = given ? whole_number(given.value()) : 0;
        if (!memory || *memory < 0) return complaint(object, "local_memory", "is no number of bytes");
        reading_.machine.numa.push_back({*number, context.package, Bytes{*memory}});
        return std::nullopt;
    }

    Error core(const pugi::xml_node& object, const Context& context) {
        Core core;
        core.numa = the_one(context.numa);
        const auto threads = bits(object.attribute("cpuset").value());
        if (!threads) return complaint(object, "cpuset", "is no set of bits");
        core.threads = *threads;
        reading_.machine.cores.push_back(std::move(core));
        return std::nullopt;
    }

    Error bridge(const pugi::xml_node& object, Context& context) {
        if (object.attribute("pci_busid")) {
            const auto address = parse_pci_address(object.attribute("pci_busid").value());
            if (!address) return complaint(object, "pci_busid", "is no PCI address");
            context.bridges.push_back(*address);
            return std::nullopt;
        }
        const std::string range = object.attribute("bridge_pci").value();  // of a host bridge: "0000:[2b-3b]"
        const auto open = range.find('[');
        const auto dash = range.find('-');
        if (open != std::string::npos && dash != std::string::npos && open < dash)
            context.host_bridge =
                parse_pci_address(range.substr(0, open) + range.substr(open + 1, dash - open - 1) + ":00.0");
        if (!context.host_bridge) return complaint(object, "bridge_pci", "is no range of PCI buses");
        return std::nullopt;
    }

    Error device(const pugi::xml_node& object, const Context& context) {
        PciPlace place;
        place.address = parse_pci_address(object.attribute("pci_busid").value());
        if (!place.address) return complaint(object, "pci_busid", "is no PCI address");
        if (!seen_.insert(to_text(*place.address)).second)
            return complaint(object, "pci_busid", "is there twice");
        place.host_bridge = context.host_bridge;
        place.bridges = context.bridges;
        place.numa = the_one(context.numa);
        std::vector<pugi::xml_node> software;
        for (const pugi::xml_node child : object.children("object"))
            if (type_of(child) == "OSDev") software.push_back(child);
        const std::string_view kind = pci_class(object);
        if (std::ranges::any_of(software, is_gpu_software) ||
            (kind.starts_with("03") && vendor(object) == kNvidia))
            gpu(object, software, std::move(place));
        else if (kind.starts_with("02"))
            nic(software, kind, std::move(place));
        return std::nullopt;
    }

    void gpu(const pugi::xml_node& object, const std::vector<pugi::xml_node>& software, PciPlace place) {
        Gpu gpu;
        gpu.place = std::move(place);
        gpu_of_[object.attribute("gp_index").value()] = reading_.machine.gpus.size();
        for (const pugi::xml_node& device : software) {
            gpu_of_[device.attribute("gp_index").value()] = reading_.machine.gpus.size();
            if (gpu.uuid.empty()) gpu.uuid = info(device, "NVIDIAUUID");
            if (gpu.model.empty()) gpu.model = info(device, "GPUModel");
            const auto kilobytes = whole_number(info(device, "CUDAGlobalMemorySize"));
            if (kilobytes && *kilobytes > 0 && *kilobytes < (std::int64_t{1} << 50))
                gpu.memory = Bytes{*kilobytes * 1024};
        }
        reading_.machine.gpus.push_back(std::move(gpu));
    }

    void nic(const std::vector<pugi::xml_node>& software, std::string_view kind, PciPlace place) {
        Nic nic;
        nic.place = std::move(place);
        nic.kind = kind == "0200"   ? NicKind::kEthernet
                   : kind == "0207" ? NicKind::kInfiniband
                                    : NicKind::kOther;
        // A device of InfiniBand's (mlx5_0) has no address of a network interface, and is how NCCL calls it.
        for (const pugi::xml_node& device : software)
            if (nic.name.empty() || !info(device, "NodeGUID").empty())
                nic.name = printable(device.attribute("name").value());
        reading_.machine.nics.push_back(std::move(nic));
    }

    static std::optional<int> os_index(const pugi::xml_node& object) {
        const auto number = whole_number(object.attribute("os_index").value());
        if (!number || *number < 0 || *number > kMostNumber) return std::nullopt;
        return static_cast<int>(*number);
    }

    static std::optional<int> the_one(const std::vector<int>& numbers) {
        return numbers.size() == 1 ? std::optional(numbers.front()) : std::nullopt;
    }

    std::string complaint(const pugi::xml_node& object, const char* attribute,
                          const std::string& what) const {
        return document_.place(object) + ": " + attribute + "=\"" +
               printable(object.attribute(attribute).value()).substr(0, 40) + "\" " + what;
    }

    const Document& document_;
    Reading reading_;
    std::set<std::string> seen_;                 // packages, NUMA nodes and PCI devices so far
    std::map<std::string, std::size_t> gpu_of_;  // position of a GPU by gp_index of its objects
};

}  // namespace

Result<Reading> read_hwloc_xml(const Document& document) {
    return HwlocXml(document).read();
}

}  // namespace weir::topology
