// SPDX-License-Identifier: GPL-2.0-or-later
#include "plugin/cli/read.h"

namespace weir::cli {

const json& member_of(const json& object, const char* name) {
    static const json nothing;
    if (!object.is_object()) return nothing;
    const auto found = object.find(name);
    return found == object.end() ? nothing : *found;
}

std::string text_of(const json& object, const char* name) {
    const json& value = member_of(object, name);
    return value.is_string() ? harmless(value.get<std::string>()) : "";
}

std::int64_t number_of(const json& object, const char* name) {
    const json& value = member_of(object, name);
    return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::string digits_of(const json& object, const char* name) {
    return std::to_string(number_of(object, name));
}

double real_of(const json& object, const char* name) {
    const json& value = member_of(object, name);
    return value.is_number() ? value.get<double>() : 0;
}

bool flag_of(const json& object, const char* name) {
    const json& value = member_of(object, name);
    return value.is_boolean() && value.get<bool>();
}

std::optional<Time> time_of(const json& object, const char* name) {
    const std::int64_t seconds = number_of(object, name);
    if (seconds <= 0) return std::nullopt;
    return Time(Duration(seconds));
}

std::vector<std::string> texts_of(const json& object, const char* name) {
    std::vector<std::string> texts;
    const json& list = member_of(object, name);
    if (!list.is_array()) return texts;
    for (const json& entry : list) {
        if (entry.is_string()) texts.push_back(harmless(entry.get<std::string>()));
    }
    return texts;
}

std::string harmless(std::string text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        // The C1 control characters are U+0080 to U+009F: C2 80 to C2 9F in UTF-8.
        const bool c1 = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
        if (byte < 0x20 || byte == 0x7F) text[i] = '?';
        if (c1) text.replace(i, 2, "?");
    }
    return text;
}

}  // namespace weir::cli
