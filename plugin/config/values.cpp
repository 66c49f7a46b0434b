// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/values.h"

#include <sys/un.h>

#include <algorithm>
#include <cstddef>

#include "plugin/config/words.h"

namespace weir::config {
namespace {

constexpr int kMaxCount = 1'000'000;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::size_t kMaxSocketBytes = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kMaxHostBytes = 253;

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}
bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

bool all_of(std::string_view text, std::string_view others) {
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return is_alphanumeric(c) || others.find(c) != std::string_view::npos;
    });
}

tl::unexpected<std::string> fault(std::string_view text, const std::string& what) {
    return tl::unexpected(in_quotes(text) + " " + what);
}

// A name that travels to Slurm in a list with commas.
Read<std::string> read_name(std::string_view text, std::string_view what, bool may_hold_spaces) {
    const std::string_view spaces = may_hold_spaces ? "\t" : " \t";
    if (text.empty()) return fault(text, "is empty: name " + std::string(what));
    if (text[0] == '-' || text[0] == '+') {
        return fault(text,
                     "begins with " + std::string(1, text[0]) + ": only those who are let in are named");
    }
    const bool broken = utf8_prefix(text) < text.size() || std::any_of(text.begin(), text.end(), is_control);
    if (broken || text.find_first_of(",=\"'") != std::string_view::npos ||
        text.find_first_of(spaces) != std::string_view::npos || text.front() == ' ' || text.back() == ' ') {
        return fault(text, "is not the name of " + std::string(what));
    }
    return std::string(text);
}

bool is_port(std::string_view text) {
    if (text.empty() || text.size() > 5 || text[0] == '0' ||
        !std::all_of(text.begin(), text.end(), is_digit)) {
        return false;
    }
    int port = 0;
    for (char digit : text) port = port * 10 + (digit - '0');
    return port <= 65535;
}

bool is_host(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']')) {
        text = text.substr(1, text.size() - 2);
        return text.find(':') != std::string_view::npos &&
               text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
    }
    return !text.empty() && text.size() <= kMaxHostBytes && all_of(text, ".-");
}

}  // namespace

Read<int> read_count(std::string_view text) {
    const bool negative = text.size() > 1 && text[0] == '-';
    const std::string_view digits = negative ? text.substr(1) : text;
    const bool whole = !digits.empty() && std::all_of(digits.begin(), digits.end(), is_digit);
    // A leading zero means octal to some readers of YAML and nothing to others.
    if (!whole || (digits.size() > 1 && digits[0] == '0')) return fault(text, "is not a whole number");
    if (negative) return fault(text, "is negative");
    int number = 0;
    for (char digit : digits) {
        number = number * 10 + (digit - '0');
        if (number > kMaxCount)
            return fault(text, "is too large (at most " + std::to_string(kMaxCount) + ")");
    }
    return number;
}

Read<std::string> read_rule_name(std::string_view text) {
    if (text.empty() || text.size() > kMaxNameBytes || !all_of(text, "_-")) {
        return fault(text, "is not a rule's name (1 to 64 letters, digits, _ or -)");
    }
    return std::string(text);
}

Read<std::string> read_partition(std::string_view text) {
    const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
    if (text.empty() || !printable || text.find_first_of(",=*#\"'\\[]") != std::string_view::npos) {
        return fault(text, "is not the name of a partition");
    }
    std::string upper(text);
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    if (upper == "DEFAULT")
        return fault(text, "is not a partition (slurm.conf keeps that name for defaults)");
    return std::string(text);
}

Read<std::string> read_gpu_type(std::string_view text) {
    if (text.empty() || text.size() > kMaxNameBytes || !all_of(text, "_.+-")) {
        return fault(text, "is not a type of GPU (as in Type= of gres.conf)");
    }
    return std::string(text);
}

Read<std::string> read_account(std::string_view text) {
    return read_name(text, "a user or an account", false);
}

Read<std::string> read_group(std::string_view text) {
    return read_name(text, "a group", true);
}

Read<std::string> read_socket_path(std::string_view text) {
    if (!text.starts_with('/')) return fault(text, "is not an absolute path");
    if (text.ends_with('/')) return fault(text, "is a folder: name the socket in it");
    if (std::any_of(text.begin(), text.end(), is_control)) return fault(text, "holds a control character");
    if (text.size() > kMaxSocketBytes) {
        return tl::unexpected("path of " + std::to_string(text.size()) + " bytes: a socket's may have " +
                              std::to_string(kMaxSocketBytes));
    }
    return std::string(text);
}

Read<std::string> read_url(std::string_view text) {
    std::string_view rest = text;
    for (const std::string_view scheme : {"http://", "https://"})
        if (text.starts_with(scheme)) rest = text.substr(scheme.size());
    const std::string_view host = rest.substr(0, rest.find('/'));
    const std::size_t colon = host.ends_with(']') ? std::string_view::npos : host.rfind(':');
    const bool printable = std::all_of(rest.begin(), rest.end(), [](char c) { return c > ' ' && c < 0x7F; });
    if (rest.size() == text.size() || !is_host(host.substr(0, colon)) || !printable ||
        (colon != std::string_view::npos && !is_port(host.substr(colon + 1))) ||
        rest.find_first_of("?#@\"\\") != std::string_view::npos)
        return fault(text, "is not an address (as in http://prometheus:9090)");
    while (text.ends_with('/')) text.remove_suffix(1);
    return std::string(text);
}

Read<std::string> read_matchers(std::string_view text) {
    if (text.empty() || text.find_first_of("{}()[]") != std::string_view::npos ||
        std::any_of(text.begin(), text.end(), is_control) || text.find('=') == std::string_view::npos ||
        !text.ends_with('"'))
        return fault(text, "is not a list of label matchers (as in 'cluster=\"a\"')");
    return std::string(text);
}

Read<std::string> read_listen(std::string_view text) {
    if (text == "off") return std::string();
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || !is_host(text.substr(0, colon)) ||
        !is_port(text.substr(colon + 1))) {
        return fault(text, "is neither host:port (as in 127.0.0.1:9811) nor off");
    }
    return std::string(text);
}

}  // namespace weir::config
