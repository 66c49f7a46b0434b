// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "policies/model/money.h"
#include "policies/model/units.h"

namespace weir::config {

// A value read from its text, or what is wrong with the text.
template <class T>
using Read = tl::expected<T, std::string>;

// What durations a key takes.
struct DurationForm {
    const char* usual_unit = "m";  // the one to suggest where there is none
    bool milliseconds = false;     // "500ms" is welcome
    std::chrono::milliseconds min{0};
    std::chrono::milliseconds max = std::chrono::hours(24 * 365);
};

// "90s", "15m", "1h30m", "2d": whole numbers, each with its unit, largest unit first.
Read<std::chrono::milliseconds> read_duration(std::string_view text, const DurationForm& form);

// A decimal number from 0 to a million.
Read<int> read_count(std::string_view text);

// The name of a rule: of a reservation too, once "weir_" is put before it.
Read<std::string> read_rule_name(std::string_view text);

Read<std::string> read_partition(std::string_view text);

// A GPU's type as gres.conf names it.
Read<std::string> read_gpu_type(std::string_view text);

// A user or an account.
Read<std::string> read_account(std::string_view text);

// A Unix group; may hold spaces, as those of a directory service do.
Read<std::string> read_group(std::string_view text);

// An absolute path that fits a Unix socket's address.
Read<std::string> read_socket_path(std::string_view text);

// The name of a service: begins with a letter, as no job id does, and is part of its jobs' names.
Read<std::string> read_service_name(std::string_view text);

// An absolute path of a file or folder.
Read<std::string> read_absolute_path(std::string_view text);

// "/health": what stands behind host and port.
Read<std::string> read_http_path(std::string_view text);

// "/queue/0/length" (RFC 6901).
Read<std::string> read_json_pointer(std::string_view text);

// As read_url, but of one document: a query may follow.
Read<std::string> read_resource(std::string_view text);

// "http://host[:port][/path]" or https, without a slash at the end; no user, password or query.
Read<std::string> read_url(std::string_view text);

// Label matchers of PromQL: `cluster="a",job=~"dcgm.*"`.
Read<std::string> read_matchers(std::string_view text);

// "host:port", "[::1]:port", or "off", which gives an empty text.
Read<std::string> read_listen(std::string_view text);

// "0.60", "12": an amount of the one currency, with at most six decimals.
Read<Money> read_money(std::string_view text);

// "500MB", "20GB": whole numbers of kB, MB, GB or TB, each a thousand of the one before.
Read<Bytes> read_size(std::string_view text);

// "USD"
Read<std::string> read_currency(std::string_view text);

// "west-[1-8],east-1": the names of nodes, sorted.
Read<std::vector<std::string>> read_nodes(std::string_view text);

// The name of a machine in the network, without a port.
Read<std::string> read_host(std::string_view text);

// A host and its port.
struct HostPort {
    std::string host;
    int port = 0;
};

// "dtn.west.example", with ":22" behind it or not.
Read<HostPort> read_host_port(std::string_view text, int usual_port);

// The address of a site's slurmrestd: https, or http to this machine itself.
Read<std::string> read_rest_url(std::string_view text);

// The name of a site: stands in lists, with commas, and in front of "@".
Read<std::string> read_site_name(std::string_view text);

// A user at a site: no more than what is safe in a path and an address.
Read<std::string> read_remote_account(std::string_view text);

// The name of a file, absolute or relative to the folder of weir.yaml; may hold `{user}`.
Read<std::string> read_file_name(std::string_view text);

// A folder at a site, absolute; may hold `{user}`.
Read<std::string> read_remote_folder(std::string_view text);

// The SHA-256 of a host key in base64, as `ssh-keygen -l` prints it; "SHA256:" before it is taken off.
Read<std::string> read_fingerprint(std::string_view text);

// "2027-01-01", which is its first second in UTC, or "2027-01-01T08:00:00Z".
Read<Time> read_day(std::string_view text);

}  // namespace weir::config
