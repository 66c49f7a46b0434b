// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/config/text_check.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "plugin/config/parse.h"
#include "plugin/config/words.h"

namespace weir::config {
namespace {

std::string hex(char c) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(c);
    return {'0', 'x', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
}

bool forbidden(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x7F || (byte < 0x20 && c != '\t' && c != '\r');
}

// The first thing wrong in a line, if any.
std::string fault(std::string_view line) {
    if (const std::size_t valid = utf8_prefix(line); valid < line.size()) {
        return "byte " + hex(line[valid]) + " is not UTF-8";
    }
    if (const auto control = std::find_if(line.begin(), line.end(), forbidden); control != line.end()) {
        return *control == '\0' ? "NUL byte" : "control character " + hex(*control);
    }
    if (line.starts_with('%')) return "directives (%) are not supported";
    const std::size_t indent = std::min(line.find_first_not_of(" \t\r"), line.size());
    const bool says_something = indent < line.size() && line[indent] != '#';
    if (says_something && line.substr(0, indent).find('\t') != std::string_view::npos) {
        return "tab in the indentation (use spaces)";
    }
    return {};
}

}  // namespace

Problems check_text(std::string_view text) {
    if (text.size() > kMaxFileBytes) return {{0, "", "larger than 1 MiB"}};
    Problems problems;
    for (int number = 1; !text.empty(); ++number) {
        const std::string_view line = text.substr(0, text.find('\n'));
        if (std::string message = fault(line); !message.empty()) {
            problems.push_back({number, "", std::move(message)});
        }
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return problems;
}

}  // namespace weir::config
