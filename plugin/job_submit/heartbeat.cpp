// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/job_submit/heartbeat.h"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <map>
#include <set>

namespace weir::job_submit {
namespace {

constexpr std::string_view kHeader = "weir heartbeat 2";
constexpr std::string_view kEnd = "end";
constexpr int kMaxCount = 1 << 24;  // of nodes, CPUs, GPUs: sums and products of sane numbers stay in 64 bits

bool has_control_character(std::string_view text) {
    return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool writable(const Rule& rule) {
    if (rule.partition.empty() || rule.reservation.empty()) return false;
    if (has_control_character(rule.partition) || has_control_character(rule.reservation)) return false;
    for (const Shape& shape : rule.shapes) {
        for (const GpuPool& pool : shape.gpus) {
            if (has_control_character(pool.type) || pool.type.find_first_of(" =") != std::string::npos)
                return false;
        }
    }
    return std::ranges::none_of(rule.accounts, has_control_character);
}

void append_rule(std::string& text, const Rule& rule) {
    text += "rule\npartition " + rule.partition + "\nreservation " + rule.reservation + "\n";
    text += rule.restricted ? "restricted yes\n" : "restricted no\n";
    if (!rule.uids.empty()) {
        text += "uids";
        for (const std::uint32_t uid : rule.uids) text += " " + std::to_string(uid);
        text += "\n";
    }
    for (const std::string& account : rule.accounts) text += "account " + account + "\n";
    for (const Shape& shape : rule.shapes) {
        text += "shape " + std::to_string(shape.nodes) + " " + std::to_string(shape.cpus) + " " +
                std::to_string(shape.memory);
        for (const GpuPool& pool : shape.gpus) text += " " + pool.type + "=" + std::to_string(pool.total);
        text += "\n";
    }
}

bool fit(const std::string& name) {
    return !name.empty() && !has_control_character(name);
}

// Sites and rules on overflow stand before those on lending, whose words an older reader would else take
// theirs for.
//
// Each user stands there once, with all his sites, counted from 0: "site_users 0,2 1000 1001".
void append_sites(std::string& text, const std::vector<SiteEntry>& sites) {
    std::map<std::uint32_t, std::set<int>> sites_of;
    int number = 0;
    for (const SiteEntry& site : sites) {
        if (!fit(site.name) || !fit(site.gateway)) continue;
        text += "site " + site.name + "\ngateway " + site.gateway + "\n";
        for (const std::uint32_t uid : site.uids) sites_of[uid].insert(number);
        ++number;
    }
    std::map<std::set<int>, std::string> lines;
    for (const auto& [uid, numbers] : sites_of) lines[numbers] += " " + std::to_string(uid);
    for (const auto& [numbers, uids] : lines) {
        std::string names;
        for (const int one : numbers) names += (names.empty() ? "" : ",") + std::to_string(one);
        text += "site_users " + names + uids + "\n";
    }
}

void append_overflow(std::string& text, const OverflowEntry& rule) {
    if (!fit(rule.name) || !std::ranges::all_of(rule.partitions, fit) ||
        !std::ranges::all_of(rule.sites, fit))
        return;
    text += "overflow " + rule.name + "\n";
    if (rule.forbidden) text += "forbidden\n";
    for (const std::string& partition : rule.partitions) text += "overflow_from " + partition + "\n";
    for (const std::string& site : rule.sites) text += "overflow_to " + site + "\n";
}

// A whole number, not negative, and nothing else.
template <std::integral Number>
bool read_number(std::string_view word, Number& number) {
    const char* const end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, number);
    return error == std::errc{} && stop == end && number >= 0;
}

bool read_count(std::string_view word, int& number) {
    return read_number(word, number) && number <= kMaxCount;
}

// Takes the text up to the separator off its front; the separator goes too.
std::string_view take(std::string_view& text, char separator) {
    const auto cut = std::min(text.find(separator), text.size());
    const std::string_view part = text.substr(0, cut);
    text.remove_prefix(std::min(cut + 1, text.size()));
    return part;
}

bool read_uids(std::string_view value, std::vector<std::uint32_t>& uids) {
    while (!value.empty()) {
        if (!read_number(take(value, ' '), uids.emplace_back())) return false;
    }
    return true;
}

bool read_site_users(std::string_view value, std::vector<SiteEntry>& sites) {
    std::string_view numbers = take(value, ' ');
    std::vector<std::uint32_t> uids;
    if (!read_uids(value, uids)) return false;
    std::size_t next = 0;  // ascending, so that no line stands for more than it holds
    while (!numbers.empty()) {
        std::size_t number = 0;
        if (!read_number(take(numbers, ','), number) || number < next || number >= sites.size()) return false;
        next = number + 1;
        std::vector<std::uint32_t>& all = sites[number].uids;
        all.insert(all.end(), uids.begin(), uids.end());
    }
    return true;
}

bool read_shape(std::string_view value, Shape& shape) {
    if (!read_count(take(value, ' '), shape.nodes) || !read_count(take(value, ' '), shape.cpus) ||
        !read_number(take(value, ' '), shape.memory)) {
        return false;
    }
    while (!value.empty()) {
        std::string_view word = take(value, ' ');
        if (word.find('=') == std::string_view::npos) return false;
        GpuPool& pool = shape.gpus.emplace_back();
        pool.type = take(word, '=');
        if (!read_count(word, pool.total)) return false;
    }
    return true;
}

bool read_rule_line(std::string_view key, std::string_view value, Rule& rule) {
    if (key == "partition") {
        rule.partition = value;
    } else if (key == "reservation") {
        rule.reservation = value;
    } else if (key == "restricted") {
        rule.restricted = value != "no";
        return value == "yes" || value == "no";
    } else if (key == "uids") {
        return read_uids(value, rule.uids);
    } else if (key == "account") {
        rule.accounts.emplace_back(value);
    } else if (key == "shape") {
        return read_shape(value, rule.shapes.emplace_back());
    }
    return true;
}

// Lines of sites and overflow; another one is passed over.
bool read_elsewhere_line(std::string_view key, std::string_view value, Heartbeat& heartbeat) {
    if (key == "site") {
        heartbeat.sites.emplace_back().name = value;
    } else if (key == "overflow") {
        heartbeat.overflow.emplace_back().name = value;
    } else if (!heartbeat.overflow.empty()) {
        OverflowEntry& rule = heartbeat.overflow.back();
        if (key == "forbidden") rule.forbidden = true;
        if (key == "overflow_from") rule.partitions.emplace_back(value);
        if (key == "overflow_to") rule.sites.emplace_back(value);
    } else if (!heartbeat.sites.empty()) {
        SiteEntry& site = heartbeat.sites.back();
        if (key == "gateway") site.gateway = value;
        if (key == "site_users") return read_site_users(value, heartbeat.sites);
    }
    return true;
}

bool read_line(std::string_view key, std::string_view value, Heartbeat& heartbeat) {
    if (key == "rule") {
        heartbeat.rules.emplace_back();
        return true;
    }
    if (!heartbeat.rules.empty()) return read_rule_line(key, value, heartbeat.rules.back());
    if (key == "at") return read_number(value, heartbeat.at);
    if (key == "valid_for") {
        std::uint32_t seconds = 0;
        if (!read_number(value, seconds)) return false;
        heartbeat.valid_for = Duration(seconds);
        return true;
    }
    return read_elsewhere_line(key, value, heartbeat);
}

}  // namespace

std::string heartbeat_path(const std::string& state_directory) {
    return state_directory + "/weir/heartbeat";
}

std::string to_text(const Heartbeat& heartbeat) {
    std::string text(kHeader);
    text += "\nat " + std::to_string(heartbeat.at) + "\nvalid_for " +
            std::to_string(heartbeat.valid_for.count()) + "\n";
    append_sites(text, heartbeat.sites);
    for (const OverflowEntry& rule : heartbeat.overflow) append_overflow(text, rule);
    for (const Rule& rule : heartbeat.rules) {
        if (writable(rule)) append_rule(text, rule);
    }
    text += kEnd;
    text += '\n';
    return text;
}

std::optional<Heartbeat> parse(std::string_view text) {
    if (!text.ends_with('\n') || take(text, '\n') != kHeader) return std::nullopt;
    Heartbeat heartbeat;
    bool ended = false;
    while (!text.empty()) {
        std::string_view line = take(text, '\n');
        if (ended || has_control_character(line)) return std::nullopt;
        ended = line == kEnd;
        const std::string_view key = take(line, ' ');
        if (!ended && !read_line(key, line, heartbeat)) return std::nullopt;
    }
    const bool whole = std::ranges::all_of(heartbeat.rules, [](const Rule& rule) {
        return !rule.partition.empty() && !rule.reservation.empty();
    });
    const bool placed = std::ranges::all_of(
        heartbeat.sites, [](const SiteEntry& site) { return !site.name.empty() && !site.gateway.empty(); });
    if (!ended || !whole || !placed) return std::nullopt;
    for (SiteEntry& site : heartbeat.sites) std::ranges::sort(site.uids);
    return heartbeat;
}

}  // namespace weir::job_submit
