// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/job_submit/elsewhere.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "plugin/spank/options.h"

namespace weir::job_submit {
namespace {

std::vector<std::string_view> names_in(std::string_view list) {
    std::vector<std::string_view> names;
    while (!list.empty()) {
        const std::size_t comma = std::min(list.find(','), list.size());
        if (comma > 0) names.push_back(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return names;
}

template <class List, class Name>
bool holds(const List& list, const Name& name) {
    return std::ranges::find(list, name) != list.end();
}

std::string with_commas(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

// Why no rule lets a job of these partitions go; `rule` is the one that covers all of them where one does.
std::string no_rule(const std::string& partitions, const Heartbeat& heartbeat, const OverflowEntry*& rule) {
    const auto names = names_in(partitions);
    std::size_t covered = 0;
    for (const OverflowEntry& one : heartbeat.overflow) {
        const auto held = static_cast<std::size_t>(
            std::ranges::count_if(names, [&](auto name) { return holds(one.partitions, name); }));
        if (held > 0 && one.forbidden) return "jobs of partition " + partitions + " may not leave";
        if (held > 0 && held == names.size()) rule = &one;
        covered += held;
    }
    if (rule != nullptr) return {};
    return "jobs of partition " + partitions + " do not overflow" +
           (covered > 0 ? ": no one rule covers all of these" : "");
}

// The names of sites that the rule lets jobs go to.
std::vector<std::string> within_reach(const OverflowEntry& rule, const Heartbeat& heartbeat) {
    std::vector<std::string> names;
    for (const SiteEntry& site : heartbeat.sites)
        if (rule.sites.empty() || holds(rule.sites, site.name)) names.push_back(site.name);
    return names;
}

bool lets_in(const Heartbeat& heartbeat, const std::string& name, std::uint32_t uid) {
    const auto site = std::ranges::find(heartbeat.sites, name, &SiteEntry::name);
    return site != heartbeat.sites.end() && holds(site->uids, uid);
}

// What is wrong with the sites, reach being those that the job could go to if its user may.
std::string wrong_sites(const std::vector<std::string>& asked, const std::vector<std::string>& reach,
                        const Submission& submission, const Heartbeat& heartbeat) {
    for (const std::string& name : asked) {
        if (std::ranges::find(heartbeat.sites, name, &SiteEntry::name) == heartbeat.sites.end()) {
            std::vector<std::string> known;
            known.reserve(heartbeat.sites.size());
            for (const SiteEntry& site : heartbeat.sites) known.push_back(site.name);
            return "there is no site " + name + " (there are: " + with_commas(known) + ")";
        }
        if (!holds(reach, name))
            return "jobs of partition " + submission.partitions + " do not go to site " + name +
                   " (they may go to: " + with_commas(reach) + ")";
        if (!lets_in(heartbeat, name, submission.uid)) return "you have no account at site " + name;
    }
    const bool somewhere = std::ranges::any_of(
        reach, [&](const std::string& name) { return lets_in(heartbeat, name, submission.uid); });
    return asked.empty() && !somewhere ? "you have no account at any site (" + with_commas(reach) + ")" : "";
}

}  // namespace

std::string gateway_refusal(const std::string& list, const Heartbeat& heartbeat) {
    for (const std::string_view name : names_in(list)) {
        const auto site = std::ranges::find(heartbeat.sites, name, &SiteEntry::gateway);
        if (site != heartbeat.sites.end())
            return "weir: partition " + site->gateway + " is a gateway of site " + site->name +
                   ": jobs come there by --weir-overflow, see man weir-sbatch";
    }
    return {};
}

std::string overflow_refusal(const OverflowRequest& request, const Submission& submission,
                             const Heartbeat& heartbeat) {
    if (!request.wish || *request.wish == OverflowWish::kNever || submission.partitions.empty()) return {};
    const auto refused = [](const std::string& why) { return spank::said_of(spank::kOverflow, why); };
    if (heartbeat.sites.empty()) return refused("no remote site is set up here");
    const OverflowEntry* rule = nullptr;
    if (const std::string why = no_rule(submission.partitions, heartbeat, rule); !why.empty())
        return refused(why + "; see overflow in weir.yaml");
    const std::vector<std::string> reach = within_reach(*rule, heartbeat);
    const std::string wrong = wrong_sites(request.sites, reach, submission, heartbeat);
    return wrong.empty() ? "" : refused(wrong);
}

}  // namespace weir::job_submit
