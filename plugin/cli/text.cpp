// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/text.h"

#include <algorithm>
#include <ctime>
#include <sstream>

namespace weir::cli {
namespace {

bool continues_character(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// The bytes of the first `count` characters.
std::size_t bytes_of(std::string_view text, std::size_t count) {
    std::size_t byte = 0;
    for (; byte < text.size(); ++byte) {
        if (continues_character(text[byte])) continue;
        if (count == 0) break;
        --count;
    }
    return byte;
}

}  // namespace

std::size_t columns(std::string_view text) {
    return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, continues_character));
}

std::string shortened(const std::string& text, std::size_t width) {
    if (columns(text) <= width) return text;
    if (width == 0) return "";
    return text.substr(0, bytes_of(text, width - 1)) + "+";
}

std::string wrapped(const std::string& lead, const std::string& text, std::size_t indent, const Look& look) {
    const auto width = static_cast<std::size_t>(look.width);
    const std::string margin(std::min(indent, width / 2), ' ');
    std::string lines;
    std::string line = lead;
    bool fresh = true;  // nothing of the text on this line yet
    auto next_line = [&] {
        lines += line + "\n";
        line = margin;
        fresh = true;
    };
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        for (std::string next; std::ranges::count(word, '`') % 2 == 1 && words >> next;) word += " " + next;
        if (!fresh && columns(line) + 1 + columns(word) > width) next_line();
        if (!fresh) line += ' ';
        while (columns(line) + columns(word) > width) {
            const std::size_t part = bytes_of(word, width - std::min(width, columns(line)));
            line += word.substr(0, part);
            word.erase(0, part);
            next_line();
        }
        line += word;
        fresh = false;
    }
    return lines + line + "\n";
}

std::string clock(Time time, const Look& look) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm local{};
    localtime_r(&seconds, &local);
    const bool near = std::chrono::abs(look.now - time) < std::chrono::hours(12);
    char text[32];
    return {text, std::strftime(text, sizeof text, near ? "%H:%M:%S" : "%b %d %H:%M", &local)};
}

std::string since(Time time, const Look& look) {
    const Duration age = std::max(look.now - time, Duration::zero());
    if (age >= std::chrono::days(1)) return to_text(std::chrono::floor<std::chrono::hours>(age));
    if (age >= std::chrono::hours(1)) return to_text(std::chrono::floor<std::chrono::minutes>(age));
    return to_text(age);
}

std::string joined(const std::vector<std::string>& names, const std::string& between) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : between) + name;
    return text;
}

std::string enumerated(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
    return text;
}

std::string counted(std::int64_t count, const std::string& thing) {
    return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

std::string painted(Paint paint, const std::string& text, const Look& look) {
    if (!look.colour) return text;
    const std::string begin = paint == Paint::kHeading   ? "\x1b[1m"
                              : paint == Paint::kTrouble ? "\x1b[31m"
                                                         : "\x1b[33m";
    std::string result;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        result += begin + line + "\x1b[0m";
        if (!lines.eof()) result += "\n";
    }
    return result;
}

}  // namespace weir::cli
