// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <charconv>

#include "plugin/config/values.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

constexpr std::size_t kLongestPath = 1024;
constexpr std::size_t kLongestAccount = 64;
constexpr std::size_t kFingerprintDigits = 43;  // of 32 bytes in base64
constexpr std::string_view kUser = "{user}";

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

tl::unexpected<std::string> not_fit(std::string_view text, const std::string& what) {
    return tl::unexpected(in_quotes(text) + " " + what);
}

// The text of so many digits as a number; -1 if it is none.
int digits_in(std::string_view text) {
    int number = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool plain = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    return error == std::errc{} && end == text.data() + text.size() && plain ? number : -1;
}

// What keeps a text from being a path in which at most `{user}` stands for something; empty if nothing does.
std::string wrong_with_path(std::string_view text) {
    if (text.empty() || text.size() > kLongestPath ||
        std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
        return "is not fit for a path";
    for (std::size_t at = text.find_first_of("{}"); at != std::string_view::npos;
         at = text.find_first_of("{}", at)) {
        if (!text.substr(at).starts_with(kUser)) return "has braces (only {user} stands for something)";
        at += kUser.size();
    }
    if (("/" + std::string(text) + "/").find("/../") != std::string::npos)
        return "leads upwards: write it without ..";
    return {};
}

// "2027-01-01"
Read<Time> date_in(std::string_view text) {
    if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
        const std::chrono::year_month_day date{
            std::chrono::year(digits_in(text.substr(0, 4))),
            std::chrono::month(static_cast<unsigned>(digits_in(text.substr(5, 2)))),
            std::chrono::day(static_cast<unsigned>(digits_in(text.substr(8, 2))))};
        if (date.ok() && static_cast<int>(date.year()) > 1970)
            return std::chrono::time_point_cast<Duration>(std::chrono::sys_days(date));
    }
    return tl::unexpected(std::string());
}

}  // namespace

Read<std::string> read_currency(std::string_view text) {
    const bool capitals = std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
    if (text.size() != 3 || !capitals) return not_fit(text, "is not a currency (three capitals, as in USD)");
    return std::string(text);
}

Read<std::string> read_host(std::string_view text) {
    if (text.find(':') != std::string_view::npos || !read_listen(std::string(text) + ":1"))
        return not_fit(text, "is not the name of a machine");
    return std::string(text);
}

Read<HostPort> read_host_port(std::string_view text, int usual_port) {
    const bool bare = text.find(':') == std::string_view::npos || text.ends_with(']');
    const std::string whole = std::string(text) + (bare ? ":" + std::to_string(usual_port) : "");
    if (whole == "off" || !read_listen(whole))
        return not_fit(text, "is not a host, with its port or without (as in dtn.west.example:22)");
    const std::size_t colon = whole.rfind(':');
    return HostPort{whole.substr(0, colon), digits_in(whole.substr(colon + 1))};
}

Read<std::string> read_rest_url(std::string_view text) {
    auto url = read_url(text);
    if (!url) return not_fit(text, "is not an address (as in https://rest.west.example:6820)");
    if (text.starts_with("https://")) return url;
    std::string_view host = std::string_view(*url).substr(std::string_view("http://").size());
    host = host.substr(0, host.find('/'));
    for (const std::string_view here : {"127.0.0.1", "localhost", "[::1]"})
        if (host == here || host.starts_with(std::string(here) + ":")) return url;
    return not_fit(text, "is not https: tokens are sent there (http is for this machine itself alone)");
}

Read<std::string> read_site_name(std::string_view text) {
    if (!read_service_name(text))
        return not_fit(text, "is not a site's name (a letter, then letters, digits, _ or -, at most 64)");
    return std::string(text);
}

Read<std::string> read_remote_account(std::string_view text) {
    const bool safe = std::ranges::all_of(
        text, [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.' || c == '@'; });
    if (text.empty() || text.size() > kLongestAccount || !safe || text[0] == '-' || text[0] == '.')
        return not_fit(text, "is not the name of a user there (letters, digits, _ - . @)");
    return std::string(text);
}

Read<std::string> read_file_name(std::string_view text) {
    if (text.starts_with("eyJ") || text.find("-----BEGIN") != std::string_view::npos)
        return tl::unexpected<std::string>(
            "holds a secret itself: put it into a file that only the gateway can read, and name that");
    if (const std::string wrong = wrong_with_path(text); !wrong.empty()) return not_fit(text, wrong);
    if (text.ends_with('/')) return not_fit(text, "is a folder: name the file in it");
    return std::string(text);
}

Read<std::string> read_remote_folder(std::string_view text) {
    if (!text.starts_with('/')) return not_fit(text, "is not an absolute path");
    if (const std::string wrong = wrong_with_path(text); !wrong.empty()) return not_fit(text, wrong);
    while (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
    return std::string(text);
}

Read<std::string> read_fingerprint(std::string_view text) {
    constexpr std::string_view kBefore = "SHA256:";
    std::string_view digits = text;
    if (digits.starts_with(kBefore)) digits.remove_prefix(kBefore.size());
    if (digits.ends_with('=')) digits.remove_suffix(1);
    const bool base64 =
        std::ranges::all_of(digits, [](char c) { return is_letter_or_digit(c) || c == '+' || c == '/'; });
    if (digits.size() != kFingerprintDigits || !base64)
        return not_fit(text,
                       "is not the SHA-256 of a host key (43 characters, as `ssh-keygen -l` prints after "
                       "SHA256:)");
    return std::string(digits);
}

Read<Time> read_day(std::string_view text) {
    const auto fault = [&] {
        return not_fit(text, "is not a date (as in 2027-01-01 or 2027-01-01T08:00:00Z, both UTC)");
    };
    const auto date = date_in(text.substr(0, 10));
    if (!date) return fault();
    const std::string_view clock = text.substr(10);
    if (clock.empty()) return *date;
    if (clock.size() != 10 || clock[0] != 'T' || clock[3] != ':' || clock[6] != ':' || clock[9] != 'Z')
        return fault();
    const int hour = digits_in(clock.substr(1, 2));
    const int minute = digits_in(clock.substr(4, 2));
    const int second = digits_in(clock.substr(7, 2));
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return fault();
    return *date + std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
}

}  // namespace weir::config
