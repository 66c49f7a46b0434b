// SPDX-License-Identifier: GPL-2.0-or-later
#include "policies/model/machine.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>

namespace weir {
namespace {

// All of `text` as a hexadecimal number of at most so many bits.
std::optional<std::uint32_t> hexadecimal(std::string_view text, std::uint32_t most) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size() || number > most)
        return std::nullopt;
    return number;
}

void append_hexadecimal(std::string& text, std::uint32_t number, std::size_t digits) {
    char buffer[8];
    const char* end = std::to_chars(buffer, buffer + sizeof buffer, number, 16).ptr;
    const auto length = static_cast<std::size_t>(end - buffer);
    text.append(digits > length ? digits - length : 0, '0').append(buffer, length);
}

bool comes_before(const PciPlace& a, const PciPlace& b) {
    if (a.address.has_value() != b.address.has_value()) return a.address.has_value();
    return a.address < b.address;
}

// Fills `kept` from `other` where it holds nothing.
template <class Value>
void fill(Value& kept, const Value& other) {
    if (kept == Value{}) kept = other;
}

void fill(Gpu& kept, const Gpu& other) {
    fill(kept.minor, other.minor);
    fill(kept.uuid, other.uuid);
    fill(kept.model, other.model);
    fill(kept.memory, other.memory);
    fill(kept.place.host_bridge, other.place.host_bridge);
    fill(kept.place.bridges, other.place.bridges);
    fill(kept.place.numa, other.place.numa);
    fill(kept.mig, other.mig);
}

}  // namespace

std::optional<PciAddress> parse_pci_address(std::string_view text) {
    PciAddress address;
    if (const auto dot = text.rfind('.'); dot != std::string_view::npos) {
        const auto function = hexadecimal(text.substr(dot + 1), 7);
        if (!function) return std::nullopt;
        address.function = static_cast<std::uint8_t>(*function);
        text = text.substr(0, dot);
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto device = hexadecimal(text.substr(colon + 1), 0x1f);
    text = text.substr(0, colon);
    const auto second = text.rfind(':');
    const bool has_domain = second != std::string_view::npos;
    const auto bus = hexadecimal(has_domain ? text.substr(second + 1) : text, 0xff);
    const auto domain = has_domain ? hexadecimal(text.substr(0, second), 0xffffffff) : 0;
    if (!device || !bus || !domain) return std::nullopt;
    address.domain = *domain;
    address.bus = static_cast<std::uint8_t>(*bus);
    address.device = static_cast<std::uint8_t>(*device);
    return address;
}

std::string to_text(const PciAddress& address) {
    std::string text;
    append_hexadecimal(text, address.domain, 4);
    append_hexadecimal(text += ':', address.bus, 2);
    append_hexadecimal(text += ':', address.device, 2);
    append_hexadecimal(text += '.', address.function, 1);
    return text;
}

void put_in_order(Machine& machine) {
    std::ranges::stable_sort(machine.packages, {}, &Package::number);
    std::ranges::stable_sort(machine.numa, {}, &NumaNode::number);
    std::ranges::stable_sort(machine.nics, comes_before, &Nic::place);
    std::vector<std::size_t> order(machine.gpus.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, comes_before,
                             [&](std::size_t gpu) -> const PciPlace& { return machine.gpus[gpu].place; });
    std::vector<std::size_t> now(order.size());
    std::vector<Gpu> gpus;
    for (std::size_t position = 0; position < order.size(); ++position) {
        now[order[position]] = position;
        gpus.push_back(std::move(machine.gpus[order[position]]));
    }
    machine.gpus = std::move(gpus);
    for (GpuLink& link : machine.links) {
        link.a = now[link.a];
        link.b = now[link.b];
        if (link.a > link.b) std::swap(link.a, link.b);
    }
    std::ranges::sort(machine.links, {}, [](const GpuLink& link) { return std::pair(link.a, link.b); });
}

std::vector<int> cores_of(const Machine& machine, int numa) {
    std::vector<int> found;
    for (std::size_t core = 0; core < machine.cores.size(); ++core)
        if (machine.cores[core].numa == numa) found.push_back(static_cast<int>(core));
    return found;
}

Machine merged(Machine first, const Machine& second) {
    fill(first.name, second.name);
    fill(first.packages, second.packages);
    fill(first.numa, second.numa);
    fill(first.cores, second.cores);
    fill(first.nics, second.nics);
    std::map<PciAddress, std::size_t> by_address;
    for (std::size_t gpu = 0; gpu < first.gpus.size(); ++gpu)
        if (first.gpus[gpu].place.address) by_address.emplace(*first.gpus[gpu].place.address, gpu);
    std::vector<std::size_t> here;  // by position in second.gpus
    for (const Gpu& gpu : second.gpus) {
        const auto same = gpu.place.address ? by_address.find(*gpu.place.address) : by_address.end();
        if (same != by_address.end()) {
            fill(first.gpus[same->second], gpu);
            here.push_back(same->second);
        } else {
            here.push_back(first.gpus.size());
            first.gpus.push_back(gpu);
        }
    }
    if (first.links.empty())
        for (GpuLink link : second.links) {
            link.a = here[link.a];
            link.b = here[link.b];
            first.links.push_back(link);
        }
    put_in_order(first);
    return first;
}

}  // namespace weir
