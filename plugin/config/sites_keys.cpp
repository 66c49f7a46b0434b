// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/sites_keys.h"

#include <algorithm>

#include "plugin/config/common_keys.h"
#include "plugin/config/sites_check.h"
#include "plugin/config/terms_keys.h"

namespace weir::config {
namespace {

using policies::Site;

constexpr int kHighestPort = 65535;
constexpr int kMostJobs = 100'000;
constexpr int kSftpPort = 22;
constexpr DurationForm kLatency{
    .usual_unit = "ms", .milliseconds = true, .min = {}, .max = std::chrono::minutes(1)};

// The entry of a site in both lists, while it is read.
struct Entry {
    Site site;
    SiteConnection connection;
    SiteExtras extras;
};

void read_gateway(const Value& value, Entry& into) {
    SiteConnection& to = into.connection;
    value.keys(
        {{"nodes", [&](const Value& v) { keep(v.as("a list of nodes", read_nodes), into.site.nodes); }},
         {"partition",
          [&](const Value& v) { keep(v.as("a partition", read_partition), into.site.partition); }},
         {"host", [&](const Value& v) { keep(v.as("the name of a machine", read_host), to.host); }},
         {"port", [&](const Value& v) { read_number_within(v, 1, kHighestPort, to.port); }}});
    for (const std::string_view key : {"nodes", "partition", "host"}) value.require(key);
}

// The program's path and its arguments.
void read_command(const Value& value, std::vector<std::string>& into) {
    value.list("a list of a program and its arguments", [&](const Value& entry) {
        const auto word =
            into.empty() ? entry.as("an absolute path", read_absolute_path) : entry.text("an argument");
        into.push_back(word.value_or(""));
    });
    if (value.is_list() && into.empty()) value.problem("is empty: name a program");
}

void read_file_of(const Value& value, std::string& into) {
    keep(value.as("the name of a file", read_file_name), into);
}

void read_rest(const Value& value, SiteConnection& into) {
    value.keys({
        {"url", [&](const Value& v) { keep(v.as("an address", read_rest_url), into.rest_url); }},
        {"ca_file", [&](const Value& v) { read_file_of(v, into.ca_file); }},
        {"token_file", [&](const Value& v) { read_file_of(v, into.token_file); }},
        {"token_command", [&](const Value& v) { read_command(v, into.token_command); }},
        {"renew", [&](const Value& v) { read_seconds(v, into.token_renew); }},
        {"partition", [&](const Value& v) { keep(v.as("a partition", read_partition), into.partition); }},
        {"account", [&](const Value& v) { keep(v.as("an account", read_account), into.account); }},
        {"qos", [&](const Value& v) { keep(v.as("a QOS", read_account), into.qos); }},
    });
    value.require("url");
    if (value.is_map() && !value.has("token_file") && !value.has("token_command"))
        value.problem("has neither token_file nor token_command: the site asks who is there");
    if (value.is_map() && value.has("renew") && !value.has("token_command"))
        value.problem("has renew without token_command, which would print the new token");
}

void read_files(const Value& value, SiteConnection& into) {
    value.keys({
        {"sftp",
         [&](const Value& v) {
             const auto read = [](std::string_view text) { return read_host_port(text, kSftpPort); };
             if (const auto place = v.as("a host", read)) {
                 into.sftp_host = place->host;
                 into.sftp_port = place->port;
             }
         }},
        {"key_file", [&](const Value& v) { read_file_of(v, into.key_file); }},
        {"host_key_sha256",
         [&](const Value& v) { keep(v.as("a fingerprint", read_fingerprint), into.host_key_sha256); }},
        {"root", [&](const Value& v) { keep(v.as("a folder there", read_remote_folder), into.root); }},
    });
    for (const std::string_view key : {"sftp", "key_file", "host_key_sha256", "root"}) value.require(key);
}

void read_users(const Value& value, std::map<std::string, std::string>& into) {
    value.entries("a map of users (as in {alice: w-alice})", [&](const std::string& key, const Value& v) {
        const auto user = read_account(key);
        if (!user) v.problem(user.error());
        const auto account = v.as("a user there", read_remote_account);
        if (user && account) into[*user] = *account;
        if (user && *user == "root") v.problem("root sends no jobs: give users of their own");
    });
    if (value.is_null()) value.problem("has no value: name who may send jobs there");
}

Entry read_site(const std::string& name, const Value& value) {
    Entry entry;
    Site& site = entry.site;
    TermsReader terms;
    value.keys({
        {"gateway", [&](const Value& v) { read_gateway(v, entry); }},
        {"rest", [&](const Value& v) { read_rest(v, entry.connection); }},
        {"files", [&](const Value& v) { read_files(v, entry.connection); }},
        {"users", [&](const Value& v) { read_users(v, site.users); }},
        {"shared_accounts",
         [&](const Value& v) {
             keep(v.one_of<bool>({{"true", true}, {"false", false}}), entry.extras.shared_accounts);
         }},
        {"accounts",
         [&](const Value& v) { read_names_of_some(v, "a list of accounts", read_account, site.accounts); }},
        {"qos", [&](const Value& v) { read_names_of_some(v, "a list of QOS", read_account, site.qos); }},
        {"price",
         [&](const Value& v) {
             terms.read_price(v);
             v.require("gpu_hour");
         }},
        {"power", [&](const Value& v) { terms.read_power(v); }},
        {"vouchers", [&](const Value& v) { read_vouchers(v, site.vouchers); }},
        {"latency",
         [&](const Value& v) {
             const auto read = [](std::string_view text) { return read_duration(text, kLatency); };
             keep(v.as("a duration", read), site.latency);
         }},
        {"max_remote_wait", [&](const Value& v) { read_seconds(v, site.max_remote_wait); }},
        {"overtime", [&](const Value& v) { read_seconds(v, site.overtime); }},
        {"max_jobs", [&](const Value& v) { read_number_within(v, 1, kMostJobs, site.max_jobs); }},
    });
    for (const std::string_view key : {"gateway", "rest", "files", "users", "price"}) value.require(key);
    if (terms.says_included && !terms.terms.power_included && !terms.says_power)
        value.problem("has a price without power, and no power: that says what power costs");
    site.name = name;
    site.terms = terms.done();
    entry.connection.site = name;
    entry.extras.currency = terms.currency;
    return entry;
}

}  // namespace

void read_sites(const Value& value, Policy& into, std::vector<SiteExtras>& extras) {
    std::vector<Entry> entries;
    value.entries("a map of sites, by name", [&](const std::string& key, const Value& v) {
        const auto name = read_site_name(key);
        if (!name) v.problem(name.error());
        entries.push_back(read_site(key, v));
    });
    std::ranges::stable_sort(entries, {}, [](const Entry& entry) { return entry.site.name; });
    into.overflow.sites.reserve(entries.size());
    into.connections.reserve(entries.size());
    extras.reserve(entries.size());
    for (Entry& entry : entries) {
        into.overflow.sites.push_back(std::move(entry.site));
        into.connections.push_back(std::move(entry.connection));
        extras.push_back(std::move(entry.extras));
    }
}

}  // namespace weir::config
