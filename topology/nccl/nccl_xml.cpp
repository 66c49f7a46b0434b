// SPDX-License-Identifier: GPL-2.0-or-later
#include "topology/nccl/nccl_xml.h"

#include <algorithm>
#include <map>
#include <set>

#include "topology/xml/attributes.h"

namespace weir::topology {
namespace {

// Classes of PCI devices, as files write them: "0x030200".
constexpr std::string_view kBridge = "0x0604";
constexpr std::string_view kDisplay = "0x03";
constexpr std::string_view kNetwork = "0x02";
constexpr std::string_view kEthernet = "0x0200";
constexpr std::string_view kInfiniband = "0x0207";
constexpr std::string_view kNvSwitch = "0x0680";
constexpr int kMostLanes = 1000;

class NcclXml {
  public:
    explicit NcclXml(const Document& document) : document_(document) {}

    Result<Reading> read() {
        for (const pugi::xml_node cpu : document_.root().children("cpu")) {
            const auto number = whole_number(cpu.attribute("numaid").value());
            if (!number || *number < -1 || *number > 1'000'000)
                return failure(complaint(cpu, "numaid", "is no number of a NUMA node"));
            Context context;
            if (*number >= 0) {  // -1: the machine has none
                context.numa = static_cast<int>(*number);
                if (numa_nodes_.insert(*context.numa).second)
                    reading_.machine.numa.push_back({*context.numa, std::nullopt, Bytes{}});
            }
            if (auto error = visit(cpu, context)) return failure(*error);
        }
        if (auto error = find_links()) return failure(*error);
        remark_on_the_unknown();
        put_in_order(reading_.machine);
        return std::move(reading_);
    }

  private:
    struct Context {
        std::optional<int> numa;
        std::vector<PciAddress> bridges;
    };
    struct Lanes {
        std::size_t gpu;
        PciAddress target;
        bool is_switch;
        int count;
    };
    using Error = std::optional<std::string>;

    Error visit(const pugi::xml_node& parent, const Context& context) {
        // A network card of which the virtual machine does not show where it hangs.
        if (std::string_view(parent.name()) == "cpu")
            for (const pugi::xml_node nic : parent.children("nic"))
                for (const pugi::xml_node net : nic.children("net"))
                    reading_.machine.nics.push_back({printable(net.attribute("name").value()),
                                                     NicKind::kOther,
                                                     {std::nullopt, std::nullopt, {}, context.numa}});
        for (const pugi::xml_node device : parent.children("pci")) {
            const auto address = parse_pci_address(device.attribute("busid").value());
            if (!address) return complaint(device, "busid", "is no PCI address");
            const std::string_view kind = device.attribute("class").value();
            const bool has_devices = !device.child("pci").empty();
            const PciPlace place{*address, std::nullopt, context.bridges, context.numa};
            if (kind.starts_with(kBridge) || (kind.empty() && has_devices)) {
                Context inside = context;
                inside.bridges.push_back(*address);
                if (auto error = visit(device, inside)) return error;
            } else if (kind.starts_with(kDisplay) || device.child("gpu")) {
                if (auto error = gpu(device, place)) return error;
            } else if (kind.starts_with(kNetwork) || device.child("nic")) {
                nic(device, kind, place);
            } else if (kind.empty()) {
                unknown_.push_back(*address);
            }
        }
        return std::nullopt;
    }

    Error gpu(const pugi::xml_node& device, const PciPlace& place) {
        Gpu gpu;
        gpu.place = place;
        const std::size_t position = reading_.machine.gpus.size();
        if (!gpu_at_.emplace(*place.address, position).second)
            return complaint(device, "busid", "is there twice");
        reading_.machine.gpus.push_back(std::move(gpu));
        for (const pugi::xml_node link : device.child("gpu").children("nvlink")) {
            const auto target = parse_pci_address(link.attribute("target").value());
            if (!target) return complaint(link, "target", "is no PCI address");
            const auto count = whole_number(link.attribute("count").value());
            if (!count || *count < 1 || *count > kMostLanes)
                return complaint(link, "count", "is no number of links");
            const std::string_view kind = link.attribute("tclass").value();
            if (*target == *place.address)
                to_themselves_ += 1;
            else if (kind.starts_with(kNvSwitch) || kind.starts_with(kDisplay))
                lanes_.push_back({position, *target, kind.starts_with(kNvSwitch), static_cast<int>(*count)});
        }
        return std::nullopt;
    }

    void nic(const pugi::xml_node& device, std::string_view kind, const PciPlace& place) {
        Nic nic;
        nic.name = printable(device.child("nic").child("net").attribute("name").value());
        nic.kind = kind.starts_with(kEthernet)     ? NicKind::kEthernet
                   : kind.starts_with(kInfiniband) ? NicKind::kInfiniband
                                                   : NicKind::kOther;
        nic.place = place;
        reading_.machine.nics.push_back(std::move(nic));
    }

    Error find_links() {
        std::map<std::pair<std::size_t, std::size_t>, int> direct;
        std::map<std::size_t, int> switched;
        for (const Lanes& lanes : lanes_) {
            if (lanes.is_switch) {
                switched[lanes.gpu] += lanes.count;
                continue;
            }
            const auto target = gpu_at_.find(lanes.target);
            if (target == gpu_at_.end())
                return document_.place(document_.root()) + ": NVLinks to " + to_text(lanes.target) +
                       ", but no GPU is there";
            // Each end tells of the same lanes.
            int& count = direct[std::minmax(lanes.gpu, target->second)];
            count = std::max(count, lanes.count);
        }
        for (const auto& [a, lanes_of_a] : switched)
            for (const auto& [b, lanes_of_b] : switched)
                if (a < b)
                    reading_.machine.links.push_back({a, b, std::min(lanes_of_a, lanes_of_b), true, 0});
        for (const auto& [pair, count] : direct)
            if (!switched.contains(pair.first) || !switched.contains(pair.second))
                reading_.machine.links.push_back({pair.first, pair.second, count, false, 0});
        return std::nullopt;
    }

    void remark_on_the_unknown() {
        if (to_themselves_ > 0)
            reading_.remarks.push_back(document_.place(document_.root()) +
                                       ": NVLinks from a GPU to itself (" + std::to_string(to_themselves_) +
                                       ") are left out");
        if (unknown_.empty()) return;
        std::string text = document_.place(document_.root()) + ": " + std::to_string(unknown_.size()) +
                           " PCI devices without a class are left out (" + to_text(unknown_.front()) +
                           (unknown_.size() > 1 ? " ...)" : ")") +
                           "; only the running system knows what they are";
        reading_.remarks.push_back(std::move(text));
    }

    std::string complaint(const pugi::xml_node& element, const char* attribute,
                          const std::string& what) const {
        return document_.place(element) + ": " + attribute + "=\"" +
               printable(element.attribute(attribute).value()).substr(0, 40) + "\" " + what;
    }

    const Document& document_;
    Reading reading_;
    std::set<int> numa_nodes_;
    std::map<PciAddress, std::size_t> gpu_at_;
    std::vector<Lanes> lanes_;
    int to_themselves_ = 0;
    std::vector<PciAddress> unknown_;
};

}  // namespace

Result<Reading> read_nccl_xml(const Document& document) {
    return NcclXml(document).read();
}

}  // namespace weir::topology
