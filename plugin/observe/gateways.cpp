// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/observe/gateways.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>

#include "plugin/observe/observe.h"

namespace weir::observe {
namespace {

constexpr Duration kGroupsHold{600};  // a directory service is not asked in every cycle

std::vector<std::string> words_of(const char* list) {
    std::vector<std::string> words;
    std::string_view left = list != nullptr ? list : "";
    while (!left.empty()) {
        const auto cut = std::min(left.find(','), left.size());
        if (cut > 0) words.emplace_back(left.substr(0, cut));
        left.remove_prefix(std::min(cut + 1, left.size()));
    }
    return words;
}

// Empty: everything.
std::vector<std::string> limits_of(const char* list) {
    std::vector<std::string> words = words_of(list);
    if (std::ranges::find_if(words, [](const std::string& word) {
            return word == "all" || word == "ALL" || word == "(null)";
        }) != words.end())
        words.clear();
    return words;
}

std::vector<gid_t> groups_of(const std::string& user) {
    const passwd* entry = getpwnam(user.c_str());
    if (entry == nullptr) return {};
    int count = 64;
    std::vector<gid_t> groups(static_cast<std::size_t>(count));
    while (getgrouplist(user.c_str(), entry->pw_gid, groups.data(), &count) < 0 && count <= 65536)
        groups.resize(static_cast<std::size_t>(count));
    groups.resize(static_cast<std::size_t>(std::clamp<int>(count, 0, static_cast<int>(groups.size()))));
    return groups;
}

}  // namespace

const std::vector<std::string>& GroupMembers::kept_out(const GatewaySite& site, const char* groups, Time at) {
    Known& known = known_[site.site];
    const std::string named = groups != nullptr ? groups : "";
    if (known.groups == named && known.users == site.users && at - known.at < kGroupsHold) return known.out;
    known = {named, site.users, at, {}};
    std::vector<gid_t> allowed;
    for (const std::string& name : limits_of(groups))
        if (const group* entry = getgrnam(name.c_str())) allowed.push_back(entry->gr_gid);
    if (limits_of(groups).empty()) return known.out;
    for (const std::string& user : site.users) {
        const auto own = groups_of(user);
        if (std::ranges::none_of(own,
                                 [&](gid_t id) { return std::ranges::find(allowed, id) != allowed.end(); }))
            known.out.push_back(user);
    }
    std::ranges::sort(known.out);
    return known.out;
}

void read_access(const partition_info_t& info, Partition& partition) {
    partition.allow_accounts = limits_of(info.allow_accounts);
    partition.deny_accounts = words_of(info.deny_accounts);
    partition.allow_qos = limits_of(info.allow_qos);
    partition.deny_qos = words_of(info.deny_qos);
    if (info.max_time != INFINITE && info.max_time != NO_VAL)
        partition.max_time = std::chrono::minutes(info.max_time);
    if (info.max_nodes != INFINITE && info.max_nodes != NO_VAL)
        partition.max_nodes = static_cast<int>(info.max_nodes);
}

std::string nominated_site(const std::string& token, const std::string& installation) {
    const auto cut = token.rfind('@');
    if (installation.empty() || cut == std::string::npos || token.substr(cut + 1) != installation) return {};
    return token.substr(0, cut);
}

}  // namespace weir::observe
