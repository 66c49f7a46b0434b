// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/sites_check.h"

#include <algorithm>
#include <map>
#include <set>

#include "plugin/config/common_keys.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

using policies::Site;

class SitesCheck {
  public:
    SitesCheck(const Policy& policy, const std::vector<SiteExtras>& extras, Findings& findings)
        : policy_(policy), extras_(extras), findings_(findings) {}

    void run() {
        for (std::size_t i = 0; i < extras_.size(); ++i) {
            const Site& site = policy_.overflow.sites[i];
            check_gateway(site);
            check_port(site, policy_.connections[i]);
            check_users(site, extras_[i].shared_accounts);
            check_secrets(site, policy_.connections[i]);
        }
    }

  private:
    static std::string path(const Site& site, const std::string& key) {
        return key_path("sites", site.name) + "." + key;
    }

    void tell(const Site& site, const std::string& key, std::string message) {
        tell_at(path(site, key), std::move(message), findings_);
    }

    void check_gateway(const Site& site) {
        if (!site.partition.empty()) {
            const auto [other, fresh] = partitions_.try_emplace(site.partition, site.name);
            if (!fresh)
                tell(site, "gateway.partition",
                     in_quotes(site.partition) + " is the partition of site " + other->second +
                         " too: each site has one of its own");
        }
        for (const std::string& node : site.nodes) {
            const auto [other, fresh] = nodes_.try_emplace(node, site.name);
            if (fresh) continue;
            tell(site, "gateway.nodes",
                 in_quotes(node) + " is a gateway node of site " + other->second + " too");
            return;
        }
    }

    // A gateway listens once for all its sites.
    void check_port(const Site& site, const SiteConnection& connection) {
        if (connection.host.empty()) return;
        const auto [other, fresh] = ports_.try_emplace(connection.host, connection.port, site.name);
        const auto& [port, first] = other->second;
        if (fresh || port == connection.port) return;
        tell(site, "gateway.port",
             std::to_string(connection.port) + " is not the port of site " + first + " on " +
                 connection.host + ", which is " + std::to_string(port) +
                 ": one weir-gateway serves all sites of a host, so give them one port");
    }

    // Whoever shares an account there can read and cancel the other's jobs.
    void check_users(const Site& site, bool may_share) {
        std::map<std::string, std::string> owners;
        for (const auto& [user, account] : site.users) {
            const auto [other, fresh] = owners.try_emplace(account, user);
            if (!fresh && !may_share)
                tell(
                    site, "users." + user,
                    in_quotes(account) + " is the account of " + other->second +
                        " too, and each could reach the other's jobs and files there; give each one of their "
                        "own, or say shared_accounts: true");
        }
    }

    void check_secrets(const Site& site, const SiteConnection& connection) {
        std::set<std::string> accounts;
        for (const auto& [user, account] : site.users) accounts.insert(account);
        check_file(site, "rest.token_file", connection.token_file, accounts);
        check_file(site, "files.key_file", connection.key_file, accounts);
        const bool names_account = std::ranges::any_of(connection.token_command, [](const std::string& word) {
            return word.find("{user}") != std::string::npos;
        });
        if (!connection.token_command.empty() && !names_account && accounts.size() > 1)
            tell(site, "rest.token_command",
                 "prints one token for " + std::to_string(accounts.size()) +
                     " accounts: each has one of its own (write {user} where its name goes)");
    }

    void check_file(const Site& site, const std::string& key, const std::string& file,
                    const std::set<std::string>& accounts) {
        if (file.empty()) return;
        for (const std::string& account : accounts) {
            const auto [other, fresh] = files_.try_emplace(for_account(file, account), site.name, account);
            const auto& [site_before, before] = other->second;
            if (fresh || before == account) continue;
            if (site_before == site.name)
                tell(site, key,
                     in_quotes(file) + " would serve " + before + " and " + account +
                         ": each has one of its own (write {user} where its name goes)");
            else
                tell(site, key,
                     in_quotes(file) + " would serve " + account + " and also " + before + " of site " +
                         site_before);
            return;
        }
    }

    const Policy& policy_;
    const std::vector<SiteExtras>& extras_;
    Findings& findings_;
    std::map<std::string, std::string> partitions_;             // gateway partition → site
    std::map<std::string, std::string> nodes_;                  // gateway node → site
    std::map<std::string, std::pair<int, std::string>> ports_;  // gateway host → port and first site
    std::map<std::string, std::pair<std::string, std::string>> files_;  // file → site and account
};

}  // namespace

void check_sites(const Policy& policy, const std::vector<SiteExtras>& extras, Findings& findings) {
    SitesCheck(policy, extras, findings).run();
}

}  // namespace weir::config
