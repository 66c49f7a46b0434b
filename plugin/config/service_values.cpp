// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "plugin/config/values.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

constexpr std::size_t kMostPathBytes = 1024;

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

tl::unexpected<std::string> unfit(std::string_view text, const std::string& what) {
    return tl::unexpected(in_quotes(text) + " " + what);
}

}  // namespace

Read<std::string> read_service_name(std::string_view text) {
    const bool letter =
        !text.empty() && ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z'));
    if (!letter || !read_rule_name(text))
        return unfit(text, "is not a service's name (a letter, then letters, digits, _ or -, at most 64)");
    return std::string(text);
}

Read<std::string> read_absolute_path(std::string_view text) {
    if (!text.starts_with('/')) return unfit(text, "is not an absolute path");
    if (text.size() > kMostPathBytes || std::any_of(text.begin(), text.end(), [](char c) {
            return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
        }))
        return unfit(text, "is not fit for a path");
    return std::string(text);
}

Read<std::string> read_http_path(std::string_view text) {
    if (!text.starts_with('/') || !is_plain(text) || text.find('#') != std::string_view::npos)
        return unfit(text, "is not a path of HTTP (as in /health)");
    return std::string(text);
}

Read<std::string> read_json_pointer(std::string_view text) {
    if (!text.starts_with('/')) return unfit(text, "is not a JSON pointer (as in /queue/length)");
    for (std::size_t i = text.find('~'); i != std::string_view::npos; i = text.find('~', i + 1))
        if (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1'))
            return unfit(text, "is not a JSON pointer: ~ must be written ~0");
    return std::string(text);
}

Read<std::string> read_resource(std::string_view text) {
    const std::size_t query = std::min(text.find('?'), text.size());
    if (!is_plain(text) || !read_url(text.substr(0, query)))
        return unfit(text, "is not an address (as in http://host:8000/load)");
    return std::string(text);
}

}  // namespace weir::config
