// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace weir::config {

// How a gateway reaches a site. `{user}` in a text stands for the remote account; file names are absolute, or
// relative to weir.yaml's folder. Secrets are never in here: only where they are.
struct SiteConnection {
    std::string site;
    std::string host;      // the gateway's, as `weir-gateway --host` says it
    int port = 9812;       // where the gateway tells the controller of its sites
    std::string rest_url;  // "https://rest.west.example:6820"
    std::string ca_file;   // empty: the system's authorities
    std::string token_file;
    std::vector<std::string> token_command;  // prints a fresh token; empty: somebody else renews the file
    std::chrono::seconds token_renew{};      // how often at the latest; zero: when it runs out or is refused
    std::string partition;                   // at the site; empty: its default
    std::string account;
    std::string qos;
    std::string sftp_host;  // empty: no files move
    int sftp_port = 22;
    std::string key_file;         // private, for the remote account
    std::string host_key_sha256;  // base64, as ssh-keygen -l prints it after "SHA256:"
    std::string root;             // folder at the site in which copies live, "/scratch/{user}"

    bool operator==(const SiteConnection&) const = default;
};

// A text with `{user}` replaced.
std::string for_account(const std::string& text, const std::string& account);

}  // namespace weir::config
