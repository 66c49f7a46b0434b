// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/overflow_check.h"

#include <algorithm>
#include <map>

#include "plugin/config/common_keys.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

using policies::OverflowRule;
using policies::Site;

class OverflowCheck {
  public:
    OverflowCheck(const Policy& policy, Findings& findings) : policy_(policy), findings_(findings) {
        for (const Site& site : policy.overflow.sites) gateways_.try_emplace(site.partition, site.name);
    }

    void run() {
        const auto& rules = policy_.overflow.rules;
        if (!rules.empty() && policy_.overflow.sites.empty())
            tell_at("overflow", "needs sites: where jobs may go (sites: {NAME: {gateway: ...}})", findings_);
        for (std::size_t i = 0; i < rules.size(); ++i) check_rule(rules[i], entry_path("overflow", i));
        for (std::size_t i = 0; i < policy_.lend.size(); ++i) {
            const std::string path = entry_path("lend", i);
            untouched(policy_.lend[i].from, path + ".from");
            untouched({policy_.lend[i].to}, path + ".to");
            untouched(policy_.lend[i].also, path + ".also");
        }
        for (std::size_t i = 0; i < policy_.idle.size(); ++i)
            untouched(policy_.idle[i].partitions, entry_path("idle", i) + ".partitions");
    }

  private:
    void check_rule(const OverflowRule& rule, const std::string& path) {
        if (!rule.name.empty()) {
            const auto [other, fresh] = names_.try_emplace(rule.name, path);
            if (!fresh)
                tell_at(path + ".name", in_quotes(rule.name) + " is the name of " + other->second + " too",
                        findings_);
        }
        for (std::size_t i = 0; i < rule.partitions.size(); ++i) {
            if (rule.partitions[i].empty()) continue;
            const std::string here = entry_path(path + ".partitions", i);
            const auto [other, fresh] = partitions_.try_emplace(rule.partitions[i], here);
            if (!fresh)
                tell_at(here,
                        in_quotes(rule.partitions[i]) + " is named twice (first as " + other->second + ")",
                        findings_);
        }
        for (std::size_t i = 0; i < rule.sites.size(); ++i) check_site(rule, path, i);
        untouched(rule.partitions, path + ".partitions");
    }

    void check_site(const OverflowRule& rule, const std::string& path, std::size_t i) {
        const std::string& name = rule.sites[i];
        if (name.empty()) return;
        const std::string here = entry_path(path + ".sites", i);
        const auto& sites = policy_.overflow.sites;
        if (std::find(rule.sites.begin(), rule.sites.begin() + static_cast<std::ptrdiff_t>(i), name) !=
            rule.sites.begin() + static_cast<std::ptrdiff_t>(i))
            tell_at(here, in_quotes(name) + " is named twice", findings_);
        if (std::ranges::find(sites, name, &Site::name) != sites.end() || sites.empty()) return;
        std::vector<std::string_view> known;
        known.reserve(sites.size());
        for (const Site& site : sites) known.emplace_back(site.name);
        const std::string_view near = nearest(name, known);
        tell_at(here,
                in_quotes(name) + " is not a site" +
                    (near.empty() ? " (there are: " + joined(known) + ")"
                                  : " (did you mean " + std::string(near) + "?)"),
                findings_);
    }

    // Jobs come to a gateway by nomination alone, and nothing else moves its nodes or what runs there.
    void untouched(const std::vector<std::string>& partitions, const std::string& path) {
        for (std::size_t i = 0; i < partitions.size(); ++i) {
            const auto gateway = gateways_.find(partitions[i]);
            if (partitions[i].empty() || gateway == gateways_.end()) continue;
            const std::string entry = entry_path(path, i);
            tell_at(findings_.lines.contains(entry) ? entry : path,
                    in_quotes(partitions[i]) + " is the gateway of site " + gateway->second +
                        ", which overflow alone uses",
                    findings_);
        }
    }

    const Policy& policy_;
    Findings& findings_;
    std::map<std::string, std::string> gateways_;    // partition → site
    std::map<std::string, std::string> names_;       // of rules → path
    std::map<std::string, std::string> partitions_;  // of rules → path
};

}  // namespace

void check_overflow(const Policy& policy, Findings& findings) {
    OverflowCheck(policy, findings).run();
}

std::string one_currency(const std::vector<NamedCurrency>& named, Findings& findings) {
    const NamedCurrency* first = nullptr;
    for (const NamedCurrency& place : named) {
        if (place.currency.empty()) continue;
        if (first == nullptr)
            first = &place;
        else if (place.currency != first->currency)
            tell_at(place.path,
                    in_quotes(place.currency) + " is not the currency of " + first->path + ", " +
                        first->currency + ": all amounts are in one",
                    findings);
    }
    return first == nullptr ? "" : first->currency;
}

}  // namespace weir::config
